//! Kafka itself is killed and stopped, under records that go on coming.

use portico_log::Record;
use portico_tests::Servers;

use crate::support::{Keeper, Node, eventually, records, settings};

/// Logs all of `records`, some at a time.
async fn log(node: &Node, records: &[Record]) {
    for batch in records.chunks(50) {
        node.log(batch).await;
    }
}

#[actix_rt::test]
async fn a_kafka_that_is_killed_costs_no_record_and_doubles_none() {
    let servers = Servers::own(&["kafka"]);
    let settings = settings(&servers);
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let all = records("user", 1..=6_000);
    node.send();
    log(&node, &all[..2_000]).await;

    servers.kill("kafka"); // with some of them kept, some on their way, some in the spool
    log(&node, &all[2_000..4_000]).await;
    let waiting = node.spool.bytes();
    servers.up("kafka");
    log(&node, &all[4_000..]).await;

    assert!(waiting > 0, "records wait while it is away");
    keeper.holds("user", &all).await;
    node.sent().await;
}

#[actix_rt::test]
async fn a_kafka_that_stands_still_while_a_node_ends_costs_no_record_and_doubles_none() {
    let servers = Servers::own(&["kafka"]);
    let settings = settings(&servers);
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let all = records("user", 1..=3_000);
    node.send();
    log(&node, &all[..1_000]).await;
    node.sent().await;

    servers.pause("kafka");
    log(&node, &all[1_000..2_000]).await;
    eventually("the sender to have taken some", || node.taken() > 1_000).await;
    let node = node.again().await; // what one producer has on its way, another sends again
    let waiting = node.spool.bytes();
    node.send();
    log(&node, &all[2_000..]).await;
    servers.resume("kafka");

    let unconfirmed: usize = all[1_000..2_000].iter().map(|record| record.line().len()).sum();
    assert_eq!(waiting, unconfirmed as u64, "what is not confirmed waits");
    keeper.holds("user", &all).await;
    node.sent().await;
    eventually("everything to be settled", || keeper.counts.collected() >= 3_000 && keeper.counts.lag() == 0).await;
    keeper.holds("user", &all).await;
}
