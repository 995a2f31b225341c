//! What becomes of deliveries, however they are settled.

use lapin::types::{AMQPValue, FieldTable};
use portico_bus::{Broker as _, Intake as _};
use portico_kernel::Event;

use crate::support::{World, event, events, ids, next, take};

#[tokio::test]
async fn a_delivery_that_is_dropped_comes_again() {
    let world = World::new();
    let (intake, event) = (world.intake(), event());
    world.broker().await.publish(std::slice::from_ref(&event)).await.unwrap();

    drop(next(&intake).await);

    assert_eq!(take(&intake, 1).await, [event.id]);
}

#[test]
fn what_a_process_had_in_hand_when_it_ended_comes_again() {
    let (world, events) = (World::new(), events(3));
    // Its connection ends with it.
    let process = tokio::runtime::Runtime::new().unwrap();
    let in_hand = process.block_on(async {
        world.broker().await.publish(&events).await.unwrap();
        let intake = world.intake();
        [next(&intake).await, next(&intake).await]
    });

    process.shutdown_background();
    drop(in_hand);
    let taken = tokio::runtime::Runtime::new().unwrap().block_on(async { take(&world.intake(), 3).await });

    assert_eq!(taken, ids(&events));
}

#[tokio::test]
async fn an_event_that_is_released_waits_and_comes_again_and_again() {
    let world = World::new();
    let (intake, event, stranger) = (world.intake(), event(), world.stranger().await);
    world.broker().await.publish(std::slice::from_ref(&event)).await.unwrap();

    for _ in 0..2 {
        let delivery = next(&intake).await;
        assert_eq!(delivery.event(), &event);
        delivery.release().await.unwrap();
        assert_eq!(stranger.ready(&world.queue("")).await, 0, "it waits elsewhere");
    }

    assert_eq!(take(&intake, 1).await, [event.id]);
    assert_eq!(stranger.ready(&world.queue(".retry")).await, 0);
}

#[tokio::test]
async fn an_event_that_was_released_for_a_day_becomes_a_dead_letter() {
    let world = World::new();
    let (intake, event, stranger) = (world.intake(), event(), world.stranger().await);
    world.broker().await; // which declares the queues
    let mut headers = FieldTable::default();
    headers.insert("portico-releases".into(), AMQPValue::LongLongInt(24 * 60 * 60 / 2)); // every two seconds
    stranger.publish_with(&world.queue(""), &serde_json::to_vec(&event).unwrap(), headers).await;

    next(&intake).await.release().await.unwrap();

    let dead = stranger.get(&world.queue(".dead")).await;
    assert_eq!(serde_json::from_slice::<Event>(&dead).unwrap(), event);
}

#[tokio::test]
async fn an_event_that_is_rejected_becomes_a_dead_letter() {
    let world = World::new();
    let (intake, events) = (world.intake(), events(2));
    world.broker().await.publish(&events).await.unwrap();

    next(&intake).await.reject("the test said so").await.unwrap();

    let dead = world.stranger().await.get(&world.queue(".dead")).await;
    assert_eq!(serde_json::from_slice::<Event>(&dead).unwrap(), events[0]);
    assert_eq!(take(&intake, 1).await, [events[1].id]);
}

#[tokio::test]
async fn what_is_no_event_becomes_a_dead_letter_and_holds_up_nobody() {
    let world = World::new();
    let (broker, intake, stranger, event) = (world.broker().await, world.intake(), world.stranger().await, event());
    stranger.publish(&world.queue(""), b"no event").await;
    broker.publish(std::slice::from_ref(&event)).await.unwrap();

    let taken = take(&intake, 1).await;

    assert_eq!(taken, [event.id]);
    assert_eq!(stranger.get(&world.queue(".dead")).await, b"no event");
}

#[tokio::test]
async fn an_event_with_which_its_consumer_dies_each_time_becomes_a_dead_letter() {
    let world = World::new();
    let (intake, event, stranger) = (world.intake(), event(), world.stranger().await);
    world.broker().await.publish(std::slice::from_ref(&event)).await.unwrap();

    let dies = async {
        loop {
            drop(intake.next().await.unwrap());
        }
    };
    let dead = tokio::select! {
        dead = async { stranger.get(&world.queue(".dead")).await } => dead,
        () = dies => unreachable!("it goes on"),
    };

    assert_eq!(serde_json::from_slice::<Event>(&dead).unwrap(), event);
}

#[tokio::test]
async fn nodes_that_take_from_one_queue_share_its_events() {
    let world = World::new();
    let (here, there, events) = (world.intake(), world.intake(), events(100)); // more than one of them has at a time
    world.broker().await.publish(&events).await.unwrap();

    let (first, second) = (next(&here).await, next(&there).await);

    let (first, second) = (first.event().id, second.event().id);
    assert!(first != second && ids(&events).contains(&first) && ids(&events).contains(&second));
}

#[tokio::test]
async fn a_queue_that_is_deleted_is_declared_again_by_whoever_takes_from_it() {
    let world = World::new();
    let (broker, intake, events) = (world.broker().await, world.intake(), events(2));
    broker.publish(&events[..1]).await.unwrap();
    take(&intake, 1).await;
    world.stranger().await.delete(&world.queue("")).await;

    intake.next().await.map(|delivery| delivery.event().id).unwrap_err();
    let publishing = async { while broker.publish(&events[1..]).await.is_err() {} };
    let (taken, ()) = tokio::join!(take(&intake, 1), publishing);

    assert_eq!(taken, [events[1].id]);
}
