//! Kafka itself is killed and stopped, under records that go on coming.

use portico_bus::kafka::Settings;
use portico_log::{
    Record,
    testkit::{contract::NOW, origin, record},
};
use portico_tests::Servers;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
};

use crate::support::{Keeper, Node, eventually, records, settings, shared};

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

/// Has a topic take nothing that is larger, as the brokers count after compression.
async fn bound(settings: &Settings, bytes: usize) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let bytes = bytes.to_string();
    let bound = AlterConfig::new(ResourceSpecifier::Topic(&settings.topic)).set("max.message.bytes", &bytes);
    admin.alter_configs([&bound], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
}

/// A record that no compression makes smaller than its bound.
fn large(sequence: u64) -> Record {
    let text: String = std::iter::repeat_with(fastrand::alphanumeric).take(100_000).collect();
    record("user", &origin(1), sequence, NOW, &text)
}

#[actix_rt::test]
async fn a_record_that_a_broker_refuses_is_followed_by_none_until_it_is_taken() {
    const BOUND: usize = 70_000;
    let settings = settings(shared());
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let first = records("user", 1..=100);
    node.log(&first).await;
    node.send();
    keeper.holds("user", &first).await;
    let all = [first, vec![large(101)], records("user", 102..=6_000)].concat();

    bound(&settings, BOUND).await;
    log(&node, &all[100..]).await;
    let before = node.taken();
    eventually("the sender to have begun anew", || node.taken() > before + 3 * 6_000).await;
    let kept = keeper.lines("user").len();
    bound(&settings, 1_048_588).await;

    assert_eq!(kept, 100, "what comes after the refused one would have it taken for a repetition");
    keeper.holds("user", &all).await;
    node.sent().await;
}
