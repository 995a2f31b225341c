//! What a server that is killed or stopped can do to events: delay them.

use std::{collections::HashSet, time::Duration};

use portico_bus::{
    Broker as _,
    rabbitmq::{RabbitBroker, RabbitIntake},
};
use portico_tests::Servers;
use uuid::Uuid;

use crate::support::{World, events, ids, next, take};

/// Publishes batches until one is refused; answers what was confirmed.
async fn publish_until_refused(broker: &RabbitBroker) -> Vec<Uuid> {
    let mut confirmed = Vec::new();
    loop {
        let batch = events(20);
        match broker.publish(&batch).await {
            Ok(()) => confirmed.extend(ids(&batch)),
            Err(refused) => {
                confirmed.extend(ids(&batch[..refused.confirmed]));
                return confirmed;
            }
        }
    }
}

/// Publishes a batch as often as it takes.
async fn publish(broker: &RabbitBroker) -> Vec<Uuid> {
    let batch = events(5);
    let published = async {
        while broker.publish(&batch).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), published).await.expect("it recovers");
    ids(&batch)
}

/// Takes until all of `expected` have come. What cannot be acknowledged was lost with its connection, and comes again.
async fn all_arrive(intake: &RabbitIntake, expected: impl IntoIterator<Item = Uuid>) {
    let mut missing: HashSet<Uuid> = expected.into_iter().collect();
    while !missing.is_empty() {
        let delivery = next(intake).await; // which panics when nothing comes any more
        let id = delivery.event().id;
        if delivery.acknowledge().await.is_ok() {
            missing.remove(&id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing_that_it_confirmed() {
    let servers = Servers::own(&["rabbitmq"]);
    let world = World::on(&servers);
    let (broker, intake) = (world.broker().await, world.intake());
    let unsettled = {
        broker.publish(&events(1)).await.unwrap();
        next(&intake).await
    };
    let in_hand = unsettled.event().id;

    let (mut confirmed, ()) = tokio::join!(publish_until_refused(&broker), async {
        tokio::time::timeout(Duration::from_mins(1), take(&intake, 100)).await.expect("some are taken");
        tokio::task::block_in_place(|| servers.kill("rabbitmq"));
    });
    assert!(unsettled.acknowledge().await.is_err(), "it was lost with its connection");
    tokio::task::block_in_place(|| servers.up("rabbitmq"));
    confirmed.extend(publish(&broker).await);

    all_arrive(&intake, confirmed.into_iter().skip(100).chain([in_hand])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_hangs_nobody_and_goes_on_where_it_was() {
    let servers = Servers::own(&["rabbitmq"]);
    let world = World::on(&servers);
    let (broker, intake) = (world.broker().await, world.intake());
    let first = publish(&broker).await;
    assert_eq!(take(&intake, 5).await, first);

    tokio::task::block_in_place(|| servers.pause("rabbitmq"));
    let refused = tokio::time::timeout(Duration::from_secs(30), broker.publish(&events(5))).await;
    let unready = tokio::time::timeout(Duration::from_secs(30), broker.check()).await;
    tokio::task::block_in_place(|| servers.resume("rabbitmq"));
    let later = publish(&broker).await;

    assert!(refused.expect("it is answered in time").is_err());
    assert!(unready.expect("it is answered in time").is_err());
    all_arrive(&intake, later).await;
}
