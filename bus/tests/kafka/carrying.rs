//! From the spool to the files, each record once and in its order.

use crate::support::{Keeper, Node, eventually, lines, records, settings, shared};

#[actix_rt::test]
async fn what_waits_in_a_spool_comes_to_the_files_once_and_in_its_order() {
    let settings = settings(shared());
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let (users, photos) = (records("user", 1..=3_000), records("photo", 3_001..=3_100));

    node.send();
    node.log(&users[..10]).await;
    node.log(&users[10..]).await;
    node.log(&photos).await;

    keeper.holds("user", &users).await;
    keeper.holds("photo", &photos).await;
    node.sent().await;
    eventually("all to be counted", || keeper.counts.collected() == 3_100).await;
    assert_eq!(keeper.counts.dead(), 0);
}

#[actix_rt::test]
async fn what_is_sent_again_after_a_crash_stands_once() {
    let settings = settings(shared());
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let all = records("user", 1..=500);
    node.log(&all[..400]).await;
    node.send();
    node.sent().await;

    let node = node.forgetful().await;
    node.log(&all[400..]).await;
    node.send();

    keeper.holds("user", &all).await;
    eventually("repetitions to come", || keeper.counts.collected() == 900).await;
    assert_eq!(keeper.lines("user"), lines(&all));
}

#[actix_rt::test]
async fn records_of_several_partitions_come_each_in_its_order() {
    let settings = portico_bus::kafka::Settings { partitions: 3, ..settings(shared()) };
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let services = ["user", "photo", "session", "log", "node", "gateway"];
    let all = services.map(|service| records(service, 1..=200));

    node.send();
    for of_service in &all {
        node.log(of_service).await;
    }

    for (service, of_service) in services.iter().zip(&all) {
        keeper.holds(service, of_service).await;
    }
}
