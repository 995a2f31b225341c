//! What several couriers over one outbox promise.

use std::{sync::Arc, time::Duration};

use portico_bus::{Courier, Deliver, LocalBroker, lanes};
use portico_kernel::{Ref, testkit::supervise};
use tokio::time::{Instant, timeout};

use crate::support::{self, Answer, Consumer, MemoryOutbox, event, events, ids};

/// A courier for each consumer, each in a lane of its own.
fn start(outbox: &Arc<MemoryOutbox>, consumers: &[&Arc<Consumer>]) -> Vec<Ref<Courier>> {
    let lanes = lanes(Arc::clone(outbox) as _, consumers.len());
    let couriers = lanes.into_iter().zip(consumers).map(|(lane, consumer)| {
        let broker = Arc::new(LocalBroker::new(support::subscribers(&[consumer])));
        supervise(move || Courier::new(lane.clone(), broker.clone()))
    });
    couriers.collect()
}

#[actix::test]
async fn a_subscriber_that_is_away_holds_up_no_other() {
    let (outbox, ready, away) = (MemoryOutbox::holding(events(250)), Consumer::new(), Consumer::new());
    let expected = outbox.ids();
    away.answers(Answer::Unavailable);

    let couriers = start(&outbox, &[&ready, &away]);
    couriers[0].ask().ask(Deliver).await.unwrap();

    assert_eq!(ids(&ready.applied()), expected);
    assert_eq!(outbox.ids(), expected, "the other has not got them");
    outbox.commit_silently(event());
    couriers[0].ask().ask(Deliver).await.unwrap();
    assert_eq!(ready.applied().len(), 251, "and each once");
}

#[actix::test]
async fn an_event_leaves_once_every_subscriber_has_it_whoever_was_first() {
    for late in [0, 1] {
        let (outbox, one, other) = (MemoryOutbox::holding(events(250)), Consumer::new(), Consumer::new());
        let expected = outbox.ids();
        let consumers = [&one, &other];
        consumers[late].answers(Answer::Unavailable);
        let couriers = start(&outbox, &consumers);
        couriers[1 - late].ask().ask(Deliver).await.unwrap();
        couriers[late].ask().ask(Deliver).await.unwrap_err();

        consumers[late].answers(Answer::Ok);
        couriers[late].ask().ask(Deliver).await.unwrap();

        assert!(outbox.ids().is_empty());
        assert_eq!(ids(&consumers[late].applied()), expected);
    }
}

#[actix::test]
async fn couriers_side_by_side_leave_nothing_behind() {
    let (outbox, one, other) = (MemoryOutbox::holding(events(1_000)), Consumer::new(), Consumer::new());

    let couriers = start(&outbox, &[&one, &other]);
    let (one_asked, other_asked) = (couriers[0].ask(), couriers[1].ask());
    let (first, second) = tokio::join!(one_asked.ask(Deliver), other_asked.ask(Deliver));

    assert!(first.is_ok() && second.is_ok());
    assert!(outbox.ids().is_empty());
    assert_eq!((one.applied().len(), other.applied().len()), (1_000, 1_000));
}

#[actix::test]
async fn poison_for_one_is_set_aside_once_the_other_has_it() {
    for strict_first in [true, false] {
        let (outbox, strict, lenient) = (MemoryOutbox::holding(events(5)), Consumer::new(), Consumer::new());
        let poison = outbox.ids()[2];
        strict.cannot_understand(poison);
        lenient.answers(Answer::Unavailable);
        let couriers = if strict_first {
            start(&outbox, &[&strict, &lenient])
        } else {
            let mut couriers = start(&outbox, &[&lenient, &strict]);
            couriers.reverse();
            couriers
        };
        couriers[0].ask().ask(Deliver).await.unwrap();
        assert!(outbox.set_aside().is_empty() && outbox.ids().len() == 5, "the other has not got it");

        lenient.answers(Answer::Ok);
        couriers[1].ask().ask(Deliver).await.unwrap();

        assert_eq!((strict.applied().len(), lenient.applied().len()), (4, 5));
        assert_eq!(outbox.set_aside(), [(poison, "consumer: bad_event".to_owned())]);
        assert!(outbox.ids().is_empty());
    }
}

#[actix::test]
async fn what_cannot_leave_is_repeated_and_leaves_then() {
    let (outbox, one, other) = (MemoryOutbox::holding(events(3)), Consumer::new(), Consumer::new());
    let couriers = start(&outbox, &[&one, &other]);
    couriers[0].ask().ask(Deliver).await.unwrap();
    couriers[1].ask().ask(Deliver).await.unwrap();
    outbox.fail_next_forget();
    tokio::time::pause();

    for event in events(3) {
        outbox.commit(event);
    }
    outbox.emptied().await; // at the first time
    outbox.emptied().await;

    assert!(outbox.ids().is_empty());
    assert!(one.applied().len() >= 6 && other.applied().len() >= 6);
}

#[actix::test]
async fn what_was_leaving_when_its_courier_crashed_is_read_again() {
    let outbox = MemoryOutbox::holding(events(3));
    let lane = lanes(Arc::clone(&outbox) as _, 1).remove(0);
    lane.after(0, 10).await.unwrap();
    outbox.hang_next_forget();
    tokio::time::pause();

    let crashed = timeout(Duration::from_millis(1), lane.forget(&outbox.ids())).await;
    let read = lane.after(0, 10).await.unwrap();

    assert!(crashed.is_err());
    assert_eq!(read.len(), 3);
}

#[actix::test]
async fn a_commit_wakes_every_courier() {
    let (outbox, one, other) = (MemoryOutbox::holding(vec![]), Consumer::new(), Consumer::new());
    let couriers = start(&outbox, &[&one, &other]);
    for courier in &couriers {
        courier.ask().ask(Deliver).await.unwrap();
    }
    tokio::task::yield_now().await;
    tokio::time::pause();
    let begun = Instant::now();

    let all = async {
        for _ in 0..10 {
            outbox.commit(event());
            one.called().await;
            other.called().await;
        }
    };
    timeout(Duration::from_mins(10), all).await.expect("both hear of each");

    assert!(begun.elapsed() < Duration::from_secs(1), "none waited for its next look: {:?}", begun.elapsed());
}

#[actix::test]
async fn the_next_process_begins_again_at_the_oldest_event() {
    let (outbox, ready, away) = (MemoryOutbox::holding(events(3)), Consumer::new(), Consumer::new());
    away.answers(Answer::Unavailable);
    let before = start(&outbox, &[&ready, &away]);
    before[0].ask().ask(Deliver).await.unwrap();
    drop(before);

    let again = Consumer::new();
    let couriers = start(&outbox, &[&again, &away]);
    couriers[0].ask().ask(Deliver).await.unwrap();

    assert_eq!(ids(&again.applied()), outbox.ids());
}
