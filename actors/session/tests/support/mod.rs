//! A session domain with a store in memory and a clock that the test moves.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use actix::{Handler, Message};
use async_trait::async_trait;
use portico_kernel::{
    Ask, Ref, StoreError, Tracked, UserId,
    testkit::{ManualClock, supervise},
};
use portico_session::*;
use time::{Duration, OffsetDateTime};
use tokio::sync::{Notify, oneshot};

pub(crate) const IDLE: Duration = Duration::hours(24);
pub(crate) const ABSOLUTE: Duration = Duration::days(30);
pub(crate) const PER_USER_MAX: u32 = 5;

/// The actor under test with what stands around it.
pub(crate) struct World {
    pub(crate) actor: Ref<Sessions>,
    pub(crate) store: Arc<Memory>,
    pub(crate) clock: ManualClock,
    pub(crate) view: View,
    pub(crate) validate: Ask<Validate>,
}

pub(crate) fn world() -> World {
    let (store, clock, view) = (Arc::new(Memory::default()), ManualClock::default(), View::new(1_000));
    let actor = supervise({
        let (store, clock, view) = (store.clone(), Arc::new(clock.clone()), view.clone());
        let limits = Limits { lifetimes: Lifetimes { idle: IDLE, absolute: ABSOLUTE }, per_user_max: PER_USER_MAX };
        move || Sessions::new(store.clone(), clock.clone(), limits, view.clone())
    });
    let validate = View::validator(view.clone(), Arc::new(clock.clone()), actor.ask());
    World { actor, store, clock, view, validate }
}

impl World {
    /// Asks the actor.
    pub(crate) async fn ask<M, T>(&self, message: M) -> Result<T, Error>
    where
        M: Message<Result = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
        Sessions: Handler<M>,
        <Sessions as Handler<M>>::Result: Tracked,
    {
        self.actor.ask().ask(message).await
    }

    /// Opens a session under `epoch`.
    pub(crate) async fn open(&self, user: UserId, epoch: Epoch) -> Opened {
        self.ask(Create { user, epoch, client: ClientInfo::default() }).await.unwrap()
    }

    /// Whether `opened` is accepted now.
    pub(crate) async fn is_live(&self, opened: &Opened) -> bool {
        match self.validate.ask(Validate { token: opened.token.clone() }).await {
            Ok(session) => session.id == opened.session.id,
            Err(Error::Dead) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A store in memory, whose answers can be held back and whose writes can fail.
#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    pub(crate) touched: Notify,
    pub(crate) purged: Notify,
}

#[derive(Default)]
struct State {
    sessions: HashMap<TokenHash, Session>,
    least: HashMap<UserId, Epoch>,
    finds: usize,
    touches: usize,
    fails: bool,
    refuses: bool,
    held: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
    held_raise: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

/// A call that has reached the store and is not answered yet.
pub(crate) struct Held {
    pub(crate) has_read: oneshot::Receiver<()>,
    pub(crate) release: oneshot::Sender<()>,
}

impl Memory {
    pub(crate) fn finds(&self) -> usize {
        self.state.lock().unwrap().finds
    }

    pub(crate) fn touches(&self) -> usize {
        self.state.lock().unwrap().touches
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().sessions.len()
    }

    /// From now on every write fails, after it was done: what became of it is not known to the caller.
    pub(crate) fn fail_writes(&self) {
        self.state.lock().unwrap().fails = true;
    }

    /// From now on every write fails, or succeeds again, before anything was done.
    pub(crate) fn refuse_writes(&self, refuses: bool) {
        self.state.lock().unwrap().refuses = refuses;
    }

    /// Holds back the answer of the next reading.
    pub(crate) fn hold_next_find(&self) -> Held {
        let ((reached, has_read), (release, released)) = (oneshot::channel(), oneshot::channel());
        self.state.lock().unwrap().held = Some((reached, released));
        Held { has_read, release }
    }

    /// Holds back the next raise of an epoch, before anything is done.
    pub(crate) fn hold_next_raise(&self) -> Held {
        let ((reached, has_read), (release, released)) = (oneshot::channel(), oneshot::channel());
        self.state.lock().unwrap().held_raise = Some((reached, released));
        Held { has_read, release }
    }

    fn write<T>(&self, write: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let mut state = self.state.lock().unwrap();
        if state.refuses {
            return Err(StoreError::Full("the test said so".into()));
        }
        let done = write(&mut state);
        if state.fails { Err(StoreError::Unavailable("the test said so".into())) } else { Ok(done) }
    }
}

impl State {
    fn least(&self, user: UserId) -> Epoch {
        self.least.get(&user).copied().unwrap_or(0)
    }

    fn keep(&mut self, session: &Session, hash: TokenHash) -> bool {
        let accepted = session.epoch >= self.least(session.user) && self.least(session.user) != LAST_EPOCH;
        if accepted {
            self.sessions.insert(hash, session.clone());
        }
        accepted
    }

    /// Ends the user's oldest sessions beyond `max`, but not `newest`.
    fn make_room(&mut self, newest: &Session, max: u32) -> u64 {
        let others = self.sessions.values().filter(|other| other.user == newest.user && other.id != newest.id);
        let mut others: Vec<_> = others.map(|other| (other.created_at, other.id)).collect();
        others.sort_unstable();
        let ended = others.len().saturating_sub(usize::try_from(max).unwrap() - 1);
        self.sessions.retain(|_, session| !others[..ended].iter().any(|(_, id)| *id == session.id));
        ended.try_into().unwrap()
    }
}

#[async_trait]
impl Store for Memory {
    async fn insert(&self, session: &Session, hash: TokenHash, per_user_max: u32) -> Result<Inserted, StoreError> {
        self.write(|state| {
            if state.keep(session, hash) {
                Inserted::Kept { ended: state.make_room(session, per_user_max) }
            } else {
                Inserted::Stale
            }
        })
    }

    async fn find(&self, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        let (found, held) = {
            let mut state = self.state.lock().unwrap();
            state.finds += 1;
            (state.sessions.get(&hash).cloned(), state.held.take())
        };
        if let Some((reached, released)) = held {
            reached.send(()).unwrap();
            released.await.unwrap();
        }
        Ok(found)
    }

    async fn list(&self, user: UserId, now: OffsetDateTime, limit: u32) -> Result<Vec<Session>, StoreError> {
        let state = self.state.lock().unwrap();
        let mut live: Vec<_> =
            state.sessions.values().filter(|session| session.user == user && session.is_live(now)).cloned().collect();
        live.sort_by_key(|session| std::cmp::Reverse(session.id));
        live.truncate(limit.try_into().unwrap());
        Ok(live)
    }

    async fn touch(&self, used: &Session) -> Result<(), StoreError> {
        let touched = self.write(|state| {
            state.touches += 1;
            for session in state.sessions.values_mut().filter(|session| session.id == used.id) {
                (session.last_seen_at, session.expires_at) = (used.last_seen_at, used.expires_at);
            }
        });
        self.touched.notify_one();
        touched
    }

    async fn delete(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.write(|state| {
            let before = state.sessions.len();
            state.sessions.retain(|_, session| !(session.user == user && session.id == id));
            state.sessions.len() < before
        })
    }

    async fn delete_others(&self, user: UserId, keep: SessionId) -> Result<(), StoreError> {
        self.write(|state| state.sessions.retain(|_, session| session.user != user || session.id == keep))
    }

    async fn raise_epoch(
        &self,
        user: UserId,
        epoch: Epoch,
        replacement: Option<(&Session, TokenHash)>,
    ) -> Result<bool, StoreError> {
        let held = self.state.lock().unwrap().held_raise.take();
        if let Some((reached, released)) = held {
            reached.send(()).unwrap();
            released.await.unwrap();
        }
        self.write(|state| {
            if replacement.is_some_and(|(session, _)| session.epoch < state.least(user)) {
                return false;
            }
            let least = epoch.max(state.least(user));
            state.least.insert(user, least);
            state.sessions.retain(|_, session| session.user != user || session.epoch >= least);
            replacement.is_none_or(|(session, hash)| state.keep(session, hash))
        })
    }

    async fn purge(&self, now: OffsetDateTime, limit: u32) -> Result<u64, StoreError> {
        let purged = self.write(|state| {
            let ended = state.sessions.iter().filter(|(_, session)| !session.is_live(now)).map(|(hash, _)| *hash);
            let ended: Vec<_> = ended.take(limit.try_into().unwrap()).collect();
            for hash in &ended {
                state.sessions.remove(hash);
            }
            u64::try_from(ended.len()).unwrap()
        })?;
        if purged < u64::from(limit) {
            self.purged.notify_one();
        }
        Ok(purged)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
