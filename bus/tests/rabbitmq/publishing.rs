//! What is confirmed, and what is not.

use lapin::options::ExchangeDeleteOptions;
use portico_bus::{Broker as _, Reason, Refused};
use portico_kernel::Event;

use crate::support::{World, event, events, ids, next, take};

#[tokio::test]
async fn events_arrive_whole_and_in_the_order_in_which_they_were_published() {
    let world = World::new();
    let (broker, intake, events) = (world.broker().await, world.intake(), events(250));

    for batch in events.chunks(100) {
        broker.publish(batch).await.unwrap();
    }

    let first = next(&intake).await;
    assert_eq!(first.event(), &events[0]);
    first.acknowledge().await.unwrap();
    assert_eq!(take(&intake, 249).await, ids(&events[1..]));
    assert_eq!(world.stranger().await.ready(&world.queue("")).await, 0, "what is acknowledged is gone");
}

#[tokio::test]
async fn events_that_no_queue_would_get_are_not_confirmed_and_arrive_once_the_queue_is_back() {
    let world = World::new();
    let (broker, events) = (world.broker().await, events(5));
    world.stranger().await.delete(&world.queue("")).await;

    let refused = broker.publish(&events).await.unwrap_err();
    broker.publish(&events).await.unwrap(); // everything was declared again

    let Refused { confirmed: 0, reason: Reason::Unavailable(why) } = refused else { panic!("{refused:?}") };
    assert_eq!(why.to_string(), "no queue takes it");
    assert_eq!(take(&world.intake(), 5).await, ids(&events));
}

#[tokio::test]
async fn an_event_that_nobody_asks_for_is_told_apart_from_those_around_it() {
    let world = World::new();
    let broker = world.broker().await;
    let strange = Event { kind: "planet.discovered".into(), ..event() };

    let refused = broker.publish(&[event(), event(), strange, event()]).await.unwrap_err();

    assert_eq!(refused.confirmed, 2, "{refused:?}");
    assert!(matches!(refused.reason, Reason::Unavailable(_)), "{refused:?}");
}

#[tokio::test]
async fn an_event_that_no_message_can_be_made_of_is_poison_and_those_before_it_are_confirmed() {
    let world = World::new();
    let broker = world.broker().await;
    let poison = Event { kind: "k".repeat(300), ..event() };

    let refused = broker.publish(&[event(), poison, event()]).await.unwrap_err();

    assert_eq!(refused.confirmed, 1, "{refused:?}");
    assert!(matches!(refused.reason, Reason::Poison(_)), "{refused:?}");
    broker.publish(&[event()]).await.unwrap();
}

#[tokio::test]
async fn a_broker_without_its_exchange_says_so_and_has_it_again_afterwards() {
    let world = World::new();
    let broker = world.broker().await;
    broker.check().await.unwrap();
    let exchange = world.queue("").replace(".photo.user-events", ".user");
    world.stranger().await.channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();

    broker.check().await.unwrap_err();

    broker.check().await.unwrap();
    broker.publish(&[event()]).await.unwrap();
}
