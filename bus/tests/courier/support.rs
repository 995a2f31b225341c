//! An outbox and consumers in memory, whose answers the test chooses.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use portico_bus::Subscribers;
use portico_kernel::{Ask, AskError, Event, Outbox, StoreError, TraceContext};
use portico_session::{ApplyUserEvent, Error};
use time::OffsetDateTime;
use tokio::sync::{Notify, Semaphore, watch};
use uuid::Uuid;

pub(crate) fn event() -> Event {
    Event::new("/portico/user", "user.updated", "subject", OffsetDateTime::UNIX_EPOCH, serde_json::json!({}))
}

pub(crate) fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| event()).collect()
}

pub(crate) fn ids(events: &[Event]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

pub(crate) fn subscribers(consumers: &[&Arc<Consumer>]) -> Subscribers {
    consumers.iter().fold(Subscribers::default(), |subscribers, consumer| {
        let consumer = Arc::clone(consumer);
        let ask = Ask::from_fn(move |ApplyUserEvent(event)| Arc::clone(&consumer).apply(event));
        subscribers.with("consumer", ask, ApplyUserEvent)
    })
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Answer {
    #[default]
    Ok,
    Unavailable,
    /// Unavailable to each event once.
    UnavailableAtFirst,
}

pub(crate) struct Consumer {
    state: Mutex<Known>,
    answers: watch::Receiver<bool>,
    hold: Mutex<Option<watch::Sender<bool>>>,
    calls: Semaphore,
}

#[derive(Default)]
struct Known {
    answer: Answer,
    poison: HashSet<Uuid>,
    refused: HashSet<Uuid>,
    applied: Vec<Event>,
    traces: Vec<TraceContext>,
}

impl Consumer {
    pub(crate) fn new() -> Arc<Self> {
        let (hold, answers) = watch::channel(true);
        Arc::new(Self { state: Mutex::default(), answers, hold: Mutex::new(Some(hold)), calls: Semaphore::new(0) })
    }

    pub(crate) fn answers(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    pub(crate) fn cannot_understand(&self, event: Uuid) {
        self.state.lock().unwrap().poison.insert(event);
    }

    /// Holds all answers back until true is sent.
    pub(crate) fn hold(&self) -> watch::Sender<bool> {
        let hold = self.hold.lock().unwrap().take().unwrap();
        hold.send(false).unwrap();
        hold
    }

    /// Waits for one more call.
    pub(crate) async fn called(&self) {
        self.calls.acquire().await.unwrap().forget();
    }

    pub(crate) fn applied(&self) -> Vec<Event> {
        self.state.lock().unwrap().applied.clone()
    }

    pub(crate) fn traces(&self) -> Vec<TraceContext> {
        self.state.lock().unwrap().traces.clone()
    }

    pub(crate) async fn apply(self: Arc<Self>, event: Event) -> Result<(), Error> {
        let answer = self.answer(event);
        self.calls.add_permits(1);
        self.answers.clone().wait_for(|go_on| *go_on).await.unwrap();
        answer
    }

    fn answer(&self, event: Event) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap();
        if state.poison.contains(&event.id) {
            return Err(Error::BadEvent(serde_json::from_str::<u8>("x").unwrap_err()));
        }
        let answer = state.answer;
        match answer {
            Answer::UnavailableAtFirst if state.refused.insert(event.id) => Err(AskError::Unavailable.into()),
            Answer::Ok | Answer::UnavailableAtFirst => {
                state.applied.push(event);
                state.traces.extend(TraceContext::current());
                Ok(())
            }
            Answer::Unavailable => Err(AskError::Unavailable.into()),
        }
    }
}

#[derive(Default)]
pub(crate) struct MemoryOutbox {
    state: Mutex<Waiting>,
    committed: Notify,
    read: Notify,
    forgot: Notify,
    emptied: Notify,
}

#[derive(Default)]
struct Waiting {
    /// Each with its position.
    events: Vec<(i64, Event)>,
    committed: i64,
    set_aside: Vec<(Uuid, String)>,
    forget_fails: bool,
    forget_hangs: bool,
}

impl MemoryOutbox {
    pub(crate) fn holding(events: Vec<Event>) -> Arc<Self> {
        let outbox = Arc::new(Self::default());
        for event in events {
            outbox.commit_silently(event);
        }
        outbox
    }

    pub(crate) fn ids(&self) -> Vec<Uuid> {
        self.state.lock().unwrap().events.iter().map(|(_, event)| event.id).collect()
    }

    pub(crate) fn set_aside(&self) -> Vec<(Uuid, String)> {
        self.state.lock().unwrap().set_aside.clone()
    }

    pub(crate) fn commit(&self, event: Event) {
        self.commit_silently(event);
        self.committed.notify_one();
    }

    pub(crate) fn commit_silently(&self, event: Event) {
        let mut state = self.state.lock().unwrap();
        state.committed += 1;
        let position = state.committed;
        state.events.push((position, event));
    }

    pub(crate) fn fail_next_forget(&self) {
        self.state.lock().unwrap().forget_fails = true;
    }

    pub(crate) fn hang_next_forget(&self) {
        self.state.lock().unwrap().forget_hangs = true;
    }

    pub(crate) async fn was_read(&self) {
        self.read.notified().await;
    }

    pub(crate) async fn forgot(&self) {
        self.forgot.notified().await;
    }

    pub(crate) async fn emptied(&self) {
        self.emptied.notified().await;
    }
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn after(&self, position: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        self.read.notify_one();
        let state = self.state.lock().unwrap();
        let after = state.events.iter().filter(|(own, _)| *own > position);
        Ok(after.take(limit.try_into().unwrap()).cloned().collect())
    }

    async fn forget(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        let hangs = std::mem::take(&mut self.state.lock().unwrap().forget_hangs);
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut state = self.state.lock().unwrap();
        if std::mem::take(&mut state.forget_fails) {
            return Err(StoreError::Unavailable("the test said so".into()));
        }
        state.events.retain(|(_, event)| !ids.contains(&event.id));
        self.forgot.notify_one();
        if state.events.is_empty() {
            self.emptied.notify_one();
        }
        Ok(())
    }

    async fn set_aside(&self, id: Uuid, reason: &str) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap();
        state.events.retain(|(_, event)| event.id != id);
        state.set_aside.push((id, reason.to_owned()));
        Ok(())
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        Ok(self.state.lock().unwrap().events.len().try_into().unwrap())
    }

    async fn oldest_at(&self) -> Result<Option<time::OffsetDateTime>, StoreError> {
        Ok(self.state.lock().unwrap().events.first().map(|(_, event)| event.time))
    }

    async fn committed(&self) {
        self.committed.notified().await;
    }
}
