//! What is no record is set aside, and holds up nothing.

use std::{collections::BTreeMap, time::Duration};

use portico_log::RECORD_BYTES_MAX;
use rdkafka::{
    ClientConfig, Message as _,
    consumer::{BaseConsumer, Consumer as _},
    message::Headers as _,
    producer::{FutureProducer, FutureRecord},
};

use crate::support::{Keeper, Node, eventually, records, settings, shared};

/// What stands in a topic: headers and payload.
fn topic(brokers: &str, topic: &str, count: usize) -> Vec<(BTreeMap<String, String>, Vec<u8>)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", topic).set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let mut found = Vec::new();
    for _ in 0..600 {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let headers = message.headers().unwrap().iter();
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        let headers = headers.map(|header| (header.key.to_owned(), text(header.value))).collect();
        found.push((headers, message.payload().unwrap_or_default().to_vec()));
        if found.len() == count {
            break;
        }
    }
    found
}

#[actix_rt::test]
async fn a_message_that_is_no_record_goes_to_the_dead_letter_topic_with_the_reason_why() {
    let settings = settings(shared());
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let all = records("user", 1..=2);
    node.send();
    node.log(&all[..1]).await;
    keeper.holds("user", &all[..1]).await;
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", shared().kafka()).create().unwrap();
    let (long, deadline) = ("x".repeat(RECORD_BYTES_MAX + 1), Duration::from_secs(30));

    for poison in ["not json", "{\"Timestamp\":1}", "../etc", &long] {
        producer.send(FutureRecord::to(&settings.topic).key("k").payload(poison), deadline).await.unwrap();
    }
    producer.send(FutureRecord::<str, str>::to(&settings.topic).key("k"), deadline).await.unwrap();
    node.log(&all[1..]).await;

    keeper.holds("user", &all).await;
    eventually("all poison to be counted", || keeper.counts.dead() == 5).await;
    let dead = topic(shared().kafka(), &format!("{}.dead", settings.topic), 5);
    let payloads: Vec<_> = dead.iter().map(|(_, payload)| payload.as_slice()).collect();
    assert_eq!(payloads, [b"not json", &b"{\"Timestamp\":1}"[..], b"../etc", long.as_bytes(), b""]);
    let reasons: Vec<_> = dead.iter().map(|(headers, _)| headers["portico.reason"].as_str()).collect();
    assert!(reasons[0].starts_with("record is malformed: ") && reasons[1].starts_with("record is malformed: "));
    assert_eq!(reasons[3..], ["record is too long", "message has no payload"]);
    let places: Vec<_> = dead.iter().map(|(headers, _)| headers["portico.offset"].as_str()).collect();
    assert_eq!(places, ["1", "2", "3", "4", "5"]);
    assert!(dead.iter().all(|(headers, _)| headers["portico.topic"] == settings.topic));
}
