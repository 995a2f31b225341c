//! What the courier promises, with local delivery behind it, and what the receiver does.

mod lanes;
mod receiver;
mod support;

use std::{sync::Arc, time::Duration};

use portico_bus::{Broker, Courier, Deliver, LocalBroker, Refused};
use portico_kernel::{Deadline, Event, Intensity, Ref, Spec, Strategy, Supervisor, TraceContext, testkit::supervise};
use portico_session as session;
use support::{Answer, Consumer, MemoryOutbox, event, events, ids};
use tokio::{sync::Notify, time::Instant};

fn start(outbox: &Arc<MemoryOutbox>, consumers: &[&Arc<Consumer>]) -> Ref<Courier> {
    let broker = Arc::new(LocalBroker::new(support::subscribers(consumers)));
    let outbox = Arc::clone(outbox);
    supervise(move || Courier::new(outbox.clone(), broker.clone()))
}

#[actix::test]
async fn events_reach_every_subscriber_in_order_and_leave_the_outbox() {
    let (outbox, one, other) = (MemoryOutbox::holding(events(250)), Consumer::new(), Consumer::new());
    let expected = outbox.ids();

    let courier = start(&outbox, &[&one, &other]);
    courier.ask().ask(Deliver).await.unwrap();

    assert_eq!((ids(&one.applied()), ids(&other.applied())), (expected.clone(), expected));
    assert!(outbox.ids().is_empty());
}

#[actix::test]
async fn a_commit_wakes_the_courier() {
    let (outbox, consumer) = (MemoryOutbox::holding(vec![]), Consumer::new());
    let _courier = start(&outbox, &[&consumer]);
    outbox.was_read().await;
    tokio::time::pause();
    let begun = Instant::now();

    outbox.commit(event());
    consumer.called().await;

    assert_eq!(consumer.applied().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(1), "it did not wait for the next look");
}

#[actix::test]
async fn an_event_of_which_nobody_tells_is_found_all_the_same() {
    let (outbox, consumer) = (MemoryOutbox::holding(vec![]), Consumer::new());
    let _courier = start(&outbox, &[&consumer]);
    outbox.was_read().await;
    tokio::time::pause();
    let begun = Instant::now();

    outbox.commit_silently(event());
    consumer.called().await;

    assert_eq!(consumer.applied().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[actix::test]
async fn an_event_is_not_forgotten_before_every_subscriber_has_applied_it() {
    let (outbox, ready, away) = (MemoryOutbox::holding(events(3)), Consumer::new(), Consumer::new());
    away.answers(Answer::Unavailable);

    let error = start(&outbox, &[&ready, &away]).ask().ask(Deliver).await.unwrap_err();

    assert!(matches!(error, portico_bus::Error::Broker(_)));
    assert_eq!(outbox.ids().len(), 3);
}

#[actix::test]
async fn what_failed_is_tried_again_after_waits_that_grow_to_a_cap() {
    let (outbox, consumer) = (MemoryOutbox::holding(vec![event()]), Consumer::new());
    consumer.answers(Answer::Unavailable);
    tokio::time::pause();
    let _courier = start(&outbox, &[&consumer]);

    let mut waits = Vec::new();
    consumer.called().await;
    for _ in 0..12 {
        let before = Instant::now();
        consumer.called().await;
        waits.push(before.elapsed());
    }
    consumer.answers(Answer::Ok);
    consumer.called().await;

    assert!(waits[0] >= Duration::from_millis(100) && waits[0] < Duration::from_millis(110), "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    assert!(*waits.last().unwrap() >= Duration::from_secs(4) && *waits.last().unwrap() < Duration::from_secs(5));
    assert_eq!(consumer.applied().len(), 1);
}

#[actix::test]
async fn a_consumer_that_gets_on_is_not_made_to_wait_longer_and_longer() {
    let (outbox, consumer) = (MemoryOutbox::holding(events(200)), Consumer::new());
    consumer.answers(Answer::UnavailableAtFirst);
    tokio::time::pause();
    let begun = Instant::now();

    let _courier = start(&outbox, &[&consumer]);
    outbox.emptied().await;

    assert_eq!(consumer.applied().len(), 200);
    // The first wait for each event, and not one that grew.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[actix::test]
async fn a_courier_that_waits_longer_and_longer_is_woken_when_what_was_away_is_back() {
    let (outbox, consumer, returned) =
        (MemoryOutbox::holding(vec![event()]), Consumer::new(), Arc::<Notify>::default());
    consumer.answers(Answer::Unavailable);
    let broker = LocalBroker::new(support::subscribers(&[&consumer])).woken_by(Some(Arc::clone(&returned)));
    let (broker, own) = (Arc::new(broker), Arc::clone(&outbox));
    tokio::time::pause();
    let _courier = supervise(move || Courier::new(own.clone(), broker.clone()));
    for _ in 0..8 {
        consumer.called().await; // the next try would come after seconds
    }

    consumer.answers(Answer::Ok);
    let back = Instant::now();
    returned.notify_one();
    outbox.emptied().await;

    assert!(back.elapsed() < Duration::from_secs(1), "{:?}", back.elapsed());
}

#[actix::test]
async fn a_poison_event_is_set_aside_and_does_not_hold_up_the_others() {
    let (outbox, consumer) = (MemoryOutbox::holding(events(5)), Consumer::new());
    let poison = outbox.ids()[2];
    consumer.cannot_understand(poison);

    start(&outbox, &[&consumer]).ask().ask(Deliver).await.unwrap();

    assert_eq!(consumer.applied().len(), 4);
    assert!(outbox.ids().is_empty());
    assert_eq!(outbox.set_aside(), [(poison, "consumer: bad_event".to_owned())]);
}

#[actix::test]
async fn an_event_is_no_poison_while_another_subscriber_has_not_got_it() {
    let (outbox, strict, away) = (MemoryOutbox::holding(vec![event()]), Consumer::new(), Consumer::new());
    strict.cannot_understand(outbox.ids()[0]);
    away.answers(Answer::Unavailable);

    for consumers in [[&strict, &away], [&away, &strict]] {
        start(&outbox, &consumers).ask().ask(Deliver).await.unwrap_err();
    }

    assert!(outbox.set_aside().is_empty());
    assert_eq!(outbox.ids().len(), 1);
}

#[actix::test]
async fn a_failing_outbox_repeats_events_and_loses_none() {
    let (outbox, consumer) = (MemoryOutbox::holding(events(3)), Consumer::new());
    let expected = outbox.ids();
    outbox.fail_next_forget();
    tokio::time::pause();

    let courier = start(&outbox, &[&consumer]);
    outbox.emptied().await;
    courier.ask().ask(Deliver).await.unwrap();

    assert_eq!(ids(&consumer.applied()), [expected.clone(), expected].concat());
}

#[actix::test]
async fn a_courier_that_is_drained_delivers_what_is_left() {
    let (outbox, consumer) = (MemoryOutbox::holding(vec![]), Consumer::new());
    let root = Supervisor::root("test", Strategy::OneForOne, Intensity::NONE);
    let broker = Arc::new(LocalBroker::new(support::subscribers(&[&consumer])));
    let own = outbox.clone();
    let _courier = root.supervise(Spec::new("courier").here(), move || Courier::new(own.clone(), broker.clone()));
    outbox.was_read().await;

    for event in events(250) {
        outbox.commit_silently(event);
    }
    root.drain(Deadline::within(Duration::from_secs(5))).await;

    assert_eq!(consumer.applied().len(), 250);
    assert!(outbox.ids().is_empty());
}

#[actix::test]
async fn a_courier_that_cannot_deliver_is_drained_all_the_same() {
    let (outbox, consumer) = (MemoryOutbox::holding(vec![event()]), Consumer::new());
    consumer.answers(Answer::Unavailable);
    let root = Supervisor::root("test", Strategy::OneForOne, Intensity::NONE);
    let broker = Arc::new(LocalBroker::new(support::subscribers(&[&consumer])));
    let own = outbox.clone();
    let _courier = root.supervise(Spec::new("courier").here(), move || Courier::new(own.clone(), broker.clone()));
    outbox.was_read().await;

    let drained = root.drain(Deadline::within(Duration::from_secs(5))).await;

    assert!(drained.cut.is_empty());
    assert_eq!(outbox.ids().len(), 1);
}

#[actix::test]
async fn an_event_is_applied_under_the_trace_of_the_request_that_caused_it() {
    let cause = TraceContext::new_root();
    let traced = cause.sync_scope(event);
    let (outbox, consumer) = (MemoryOutbox::holding(vec![traced]), Consumer::new());

    start(&outbox, &[&consumer]).ask().ask(Deliver).await.unwrap();

    let trace = consumer.traces()[0];
    assert_eq!(trace.trace_id(), cause.trace_id());
    assert_ne!(trace.span_id(), cause.span_id());
}

#[actix::test]
async fn a_broker_that_confirms_a_part_has_that_part_forgotten() {
    struct Confirms(usize);
    #[async_trait::async_trait]
    impl Broker for Confirms {
        async fn publish(&self, _: &[Event]) -> Result<(), Refused> {
            let reason = portico_bus::Reason::Unavailable("the test said so".into());
            Err(Refused { confirmed: self.0, reason })
        }
    }
    let outbox = MemoryOutbox::holding(events(5));
    let rest = outbox.ids()[2..].to_vec();
    tokio::time::pause();

    let (broker, own) = (Arc::new(Confirms(2)), outbox.clone());
    let _courier = supervise(move || Courier::new(own.clone(), broker.clone()));
    outbox.forgot().await;

    assert_eq!(outbox.ids(), rest);
}

#[actix::test]
async fn events_are_applied_side_by_side_and_confirmed_in_order() {
    let (outbox, consumer) = (MemoryOutbox::holding(events(10)), Consumer::new());
    let release = consumer.hold();
    let courier = start(&outbox, &[&consumer]);

    for _ in 0..10 {
        consumer.called().await;
    }
    assert_eq!(outbox.ids().len(), 10, "none is confirmed yet, though all are on their way");
    release.send(true).unwrap();
    courier.ask().ask(Deliver).await.unwrap();

    assert!(outbox.ids().is_empty());
}

#[test]
fn a_session_consumer_fits_as_it_is() {
    fn fits(sessions: portico_kernel::Ask<session::ApplyUserEvent>) -> portico_bus::Subscribers {
        portico_bus::Subscribers::default().with("session", sessions, session::ApplyUserEvent)
    }

    let subscribers = fits(portico_kernel::Ask::from_fn(|_| async { Ok(()) }));

    assert_eq!(format!("{subscribers:?}"), r#"["session"]"#);
}
