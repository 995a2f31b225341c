//! What becomes of events that a broker brings.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use portico_bus::{Delivery, Intake, Receiver, Subscribers};
use portico_kernel::{Deadline, Event, Intensity, Ref, Source, Spec, Strategy, Supervisor, testkit::supervise};
use portico_session::ApplyUserEvent;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::support::{Answer, Consumer, event, events, ids, subscribers};

/// A queue in memory, which notes what became of each delivery.
#[derive(Default)]
struct MemoryIntake {
    state: Mutex<State>,
    arrived: Notify,
    settled: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Event>,
    fails: bool,
    acknowledged: Vec<Uuid>,
    released: Vec<Uuid>,
    rejected: Vec<(Uuid, String)>,
}

impl MemoryIntake {
    fn holding(events: Vec<Event>) -> Arc<Self> {
        let state = State { waiting: events.into(), ..State::default() };
        Arc::new(Self { state: Mutex::new(state), ..Self::default() })
    }

    fn acknowledged(&self) -> Vec<Uuid> {
        self.state.lock().unwrap().acknowledged.clone()
    }

    /// Waits until so many are settled in a way that `count` counts.
    async fn settled(&self, wanted: usize, count: impl Fn(&State) -> usize) {
        while count(&self.state.lock().unwrap()) < wanted {
            self.settled.notified().await;
        }
    }

    fn waiting(&self) -> usize {
        self.state.lock().unwrap().waiting.len()
    }
}

struct MemoryDelivery {
    intake: Arc<MemoryIntake>,
    event: Option<Event>,
}

/// An intake hands out deliveries that know it.
struct Shared(Arc<MemoryIntake>);

#[async_trait]
impl Intake for Shared {
    async fn next(&self) -> Result<Box<dyn Delivery>, Source> {
        loop {
            {
                let mut state = self.0.state.lock().unwrap();
                if std::mem::take(&mut state.fails) {
                    return Err("the test said so".into());
                }
                if let Some(event) = state.waiting.pop_front() {
                    return Ok(Box::new(MemoryDelivery { intake: Arc::clone(&self.0), event: Some(event) }));
                }
            }
            self.0.arrived.notified().await;
        }
    }
}

impl MemoryDelivery {
    fn settled(mut self: Box<Self>) -> (Arc<MemoryIntake>, Event) {
        (Arc::clone(&self.intake), self.event.take().unwrap())
    }
}

#[async_trait]
impl Delivery for MemoryDelivery {
    fn event(&self) -> &Event {
        self.event.as_ref().unwrap()
    }

    async fn acknowledge(self: Box<Self>) -> Result<(), Source> {
        let (intake, event) = self.settled();
        intake.state.lock().unwrap().acknowledged.push(event.id);
        intake.settled.notify_one();
        Ok(())
    }

    async fn release(self: Box<Self>) -> Result<(), Source> {
        let (intake, event) = self.settled();
        let mut state = intake.state.lock().unwrap();
        state.released.push(event.id);
        state.waiting.push_back(event);
        Ok(())
    }

    async fn reject(self: Box<Self>, reason: &str) -> Result<(), Source> {
        let (intake, event) = self.settled();
        intake.state.lock().unwrap().rejected.push((event.id, reason.to_owned()));
        intake.settled.notify_one();
        Ok(())
    }
}

impl Drop for MemoryDelivery {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            self.intake.state.lock().unwrap().waiting.push_front(event);
            self.intake.arrived.notify_one();
        }
    }
}

fn start(intake: &Arc<MemoryIntake>, subscribers: Subscribers) -> Ref<Receiver> {
    let intake: Arc<dyn Intake> = Arc::new(Shared(Arc::clone(intake)));
    supervise(move || Receiver::new(Arc::clone(&intake), subscribers.clone()))
}

#[actix::test]
async fn an_event_is_acknowledged_once_every_subscriber_has_applied_it() {
    let (one, other) = (Consumer::new(), Consumer::new());
    let intake = MemoryIntake::holding(events(10));
    let release = other.hold();

    let _receiver = start(&intake, subscribers(&[&one, &other]));
    for _ in 0..10 {
        other.called().await;
    }
    assert!(intake.acknowledged().is_empty(), "one of them has not answered");
    release.send(true).unwrap();
    intake.settled(10, |state| state.acknowledged.len()).await;

    assert_eq!(ids(&one.applied()).len(), 10);
}

#[actix::test]
async fn an_event_that_cannot_be_applied_for_now_is_given_back_and_applied_later() {
    let (intake, consumer) = (MemoryIntake::holding(events(3)), Consumer::new());
    consumer.answers(Answer::UnavailableAtFirst);
    tokio::time::pause();

    let _receiver = start(&intake, subscribers(&[&consumer]));
    intake.settled(3, |state| state.acknowledged.len()).await;

    assert_eq!(intake.state.lock().unwrap().released.len(), 3);
}

#[actix::test]
async fn an_event_that_never_can_be_applied_is_rejected_with_the_reason_and_holds_up_no_other() {
    let events = events(5);
    let (poison, consumer) = (events[2].id, Consumer::new());
    consumer.cannot_understand(poison);
    let intake = MemoryIntake::holding(events);

    let _receiver = start(&intake, subscribers(&[&consumer]));
    intake.settled(4, |state| state.acknowledged.len()).await;

    intake.settled(1, |state| state.rejected.len()).await;
    assert_eq!(intake.state.lock().unwrap().rejected, [(poison, "consumer: bad_event".to_owned())]);
}

#[actix::test]
async fn an_intake_that_fails_is_asked_again() {
    let (intake, consumer) = (MemoryIntake::holding(vec![event()]), Consumer::new());
    intake.state.lock().unwrap().fails = true;
    tokio::time::pause();

    let _receiver = start(&intake, subscribers(&[&consumer]));

    intake.settled(1, |state| state.acknowledged.len()).await;
}

#[actix::test]
async fn what_is_in_hand_at_a_crash_is_delivered_again() {
    let (intake, consumer) = (MemoryIntake::holding(events(5)), Consumer::new());
    let (own, crashes) = (Arc::clone(&consumer), Arc::new(AtomicBool::new(true)));
    let ask = portico_kernel::Ask::from_fn(move |ApplyUserEvent(event)| Arc::clone(&own).apply(event));
    let subscribers = Subscribers::default().with("consumer", ask, move |event| {
        assert!(!crashes.swap(false, Ordering::Relaxed), "the test said so");
        ApplyUserEvent(event)
    });

    let _receiver = start(&intake, subscribers);

    intake.settled(5, |state| state.acknowledged.len()).await;
}

#[actix::test]
async fn a_receiver_that_is_drained_settles_what_it_has_taken() {
    let (intake, consumer) = (MemoryIntake::holding(events(100)), Consumer::new());
    let release = consumer.hold();
    let root = Supervisor::root("test", Strategy::OneForOne, Intensity::NONE);
    let own: Arc<dyn Intake> = Arc::new(Shared(Arc::clone(&intake)));
    let subscribers = subscribers(&[&consumer]);
    let _receiver =
        root.supervise(Spec::new("receiver").here(), move || Receiver::new(Arc::clone(&own), subscribers.clone()));
    for _ in 0..16 {
        consumer.called().await;
    }

    let drain = root.drain(Deadline::within(Duration::from_secs(30)));
    let (drained, ()) = tokio::join!(drain, async {
        for _ in 0..1_000 {
            tokio::task::yield_now().await; // until it has heard of the drain
        }
        release.send(true).unwrap();
    });

    assert!(drained.cut.is_empty());
    let acknowledged = intake.acknowledged().len();
    assert!(acknowledged >= 16, "{acknowledged}");
    assert_eq!(acknowledged + intake.waiting(), 100, "it has nothing in hand any more");
}
