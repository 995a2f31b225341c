//! Where a member of the group begins, whoever was there before it.

use crate::support::{Keeper, Node, eventually, lines, records, settings, shared};
use portico_bus::kafka::Settings;

#[actix_rt::test]
async fn a_collector_goes_on_at_the_offset_beside_its_files_whatever_was_committed() {
    let first = settings(shared());
    let (node, keeper) = (Node::new(&first), Keeper::new(&first).collect());
    let all = records("user", 1..=300);
    node.log(&all[..200]).await;
    node.send();
    keeper.holds("user", &all[..200]).await;
    eventually("their end to be kept", || keeper.counts.collected() == 200).await;

    keeper.stop().await;
    let nothing_committed = Settings { group: format!("{}-2", first.group), ..first };
    let keeper = keeper.again(&nothing_committed).collect();
    node.log(&all[200..]).await;

    keeper.holds("user", &all).await;
    eventually("them to be counted", || keeper.counts.collected() >= 100).await;
    assert_eq!(keeper.counts.collected(), 100, "only what was new was read");
}

#[actix_rt::test]
async fn a_collector_that_crashed_before_it_kept_its_offset_knows_what_it_has() {
    let first = settings(shared());
    let (node, keeper) = (Node::new(&first), Keeper::new(&first).collect());
    let all = records("user", 1..=300);
    node.log(&all[..200]).await;
    node.send();
    keeper.holds("user", &all[..200]).await;
    eventually("their end to be kept", || keeper.counts.collected() == 200).await;

    keeper.stop().await;
    keeper.forget_positions();
    let keeper = keeper.again(&Settings { group: format!("{}-2", first.group), ..first }).collect();
    node.log(&all[200..]).await;

    keeper.holds("user", &all).await;
    eventually("all to be read again", || keeper.counts.collected() == 300).await;
    assert_eq!(keeper.lines("user"), lines(&all));
}

#[actix_rt::test]
async fn one_collects_and_the_other_stands_by_until_it_must_go_on() {
    let settings = settings(shared());
    let (node, first) = (Node::new(&settings), Keeper::new(&settings).collect());
    let all = records("user", 1..=300);
    node.send();
    node.log(&all[..100]).await;
    first.holds("user", &all[..100]).await;

    let second = Keeper::new(&settings).collect();
    node.log(&all[100..200]).await;
    eventually("either to have it", || first.lines("user").len() + second.lines("user").len() >= 200).await;
    first.stop().await;
    node.log(&all[200..]).await;
    eventually("the other to go on", || first.lines("user").len() + second.lines("user").len() >= 300).await;

    let (mut both, mut expected) = ([first.lines("user"), second.lines("user")].concat(), lines(&all));
    both.sort();
    expected.sort();
    assert!(both == expected, "none stands twice or in neither, and there are {}", both.len());
    assert!(second.lines("user").len() >= 100);
}
