//! What the session domain would know: which sessions live, and each user's least epoch.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use portico_kernel::{Ask, AskError, UserId};
use portico_session::{
    ClientInfo, Create, Delete, EnsureRevocable, Epoch, Error, LAST_EPOCH, Opened, RaiseEpoch, Rotate, Session,
    SessionId, Token,
};
use time::OffsetDateTime;
use tokio::sync::oneshot;

#[derive(Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Default)]
struct State {
    live: HashMap<SessionId, Session>,
    least: HashMap<UserId, Epoch>,
    is_away: bool,
    is_full: bool,
    held: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

impl Ledger {
    pub(crate) fn create(self: &Arc<Self>) -> Ask<Create> {
        let ledger = Arc::clone(self);
        Ask::from_fn(move |create: Create| {
            let ledger = Arc::clone(&ledger);
            async move {
                let held = ledger.0.lock().unwrap().held.take();
                if let Some((reached, released)) = held {
                    reached.send(()).unwrap();
                    released.await.unwrap();
                }
                ledger.open(create.user, create.epoch)
            }
        })
    }

    pub(crate) fn rotate(self: &Arc<Self>) -> Ask<Rotate> {
        let ledger = Arc::clone(self);
        Ask::from_fn(move |rotate: Rotate| {
            let ledger = Arc::clone(&ledger);
            async move {
                ledger.raise(rotate.user, rotate.epoch)?;
                ledger.open(rotate.user, rotate.epoch)
            }
        })
    }

    pub(crate) fn raise_epoch(self: &Arc<Self>) -> Ask<RaiseEpoch> {
        let ledger = Arc::clone(self);
        Ask::from_fn(move |raise: RaiseEpoch| {
            let ledger = Arc::clone(&ledger);
            async move { ledger.raise(raise.user, raise.epoch) }
        })
    }

    pub(crate) fn ensure_revocable(self: &Arc<Self>) -> Ask<EnsureRevocable> {
        let ledger = Arc::clone(self);
        Ask::from_fn(move |_: EnsureRevocable| {
            let is_full = ledger.0.lock().unwrap().is_full;
            async move { if is_full { Err(Error::Full) } else { Ok(()) } }
        })
    }

    pub(crate) fn delete(self: &Arc<Self>) -> Ask<Delete> {
        let ledger = Arc::clone(self);
        Ask::from_fn(move |delete: Delete| {
            let ledger = Arc::clone(&ledger);
            async move {
                let ended = ledger.0.lock().unwrap().live.remove(&delete.session);
                ended.map(drop).ok_or(Error::Unknown)
            }
        })
    }

    /// From now on no call reaches the sessions, or again every one does.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.0.lock().unwrap().is_away = is_away;
    }

    /// From now on no further sessions can be ended.
    pub(crate) fn fill(&self) {
        self.0.lock().unwrap().is_full = true;
    }

    /// Holds the next opening back: the first tells that it was asked for, the second lets it go on.
    pub(crate) fn hold_next_create(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reached, was_asked), (release, released)) = (oneshot::channel(), oneshot::channel());
        self.0.lock().unwrap().held = Some((reached, released));
        (was_asked, release)
    }

    pub(crate) fn is_live(&self, session: SessionId) -> bool {
        self.0.lock().unwrap().live.contains_key(&session)
    }

    /// The epochs of a user's live sessions.
    pub(crate) fn live(&self, user: UserId) -> Vec<Epoch> {
        let state = self.0.lock().unwrap();
        state.live.values().filter(|session| session.user == user).map(|session| session.epoch).collect()
    }

    fn open(&self, user: UserId, epoch: Epoch) -> Result<Opened, Error> {
        let mut state = self.0.lock().unwrap();
        if state.is_away {
            return Err(AskError::Unavailable.into());
        }
        let least = state.least.get(&user).copied().unwrap_or(0);
        if epoch < least || least == LAST_EPOCH {
            return Err(Error::Stale);
        }
        let session = session(user, epoch);
        state.live.insert(session.id, session.clone());
        Ok(Opened { session, token: Token::generate() })
    }

    fn raise(&self, user: UserId, epoch: Epoch) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        if state.is_away {
            return Err(AskError::Unavailable.into());
        }
        let least = state.least.get(&user).copied().unwrap_or(0).max(epoch);
        state.least.insert(user, least);
        state.live.retain(|_, session| session.user != user || session.epoch >= least);
        Ok(())
    }
}

fn session(user: UserId, epoch: Epoch) -> Session {
    let now = OffsetDateTime::UNIX_EPOCH;
    let client = ClientInfo::default();
    Session { id: SessionId::new(), user, epoch, created_at: now, last_seen_at: now, expires_at: now, client }
}
