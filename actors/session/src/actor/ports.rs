//! The work behind the messages: what is asked of the store, and what of it is published in the view.
//!
//! Invariant: a reading of the view begins before the store is asked, and a revocation in the view ends after the
//! store's commit; in between lies whatever may race. What the store answers is held against the view before it is
//! trusted.

use std::sync::Arc;

use portico_kernel::{Clock, UserId};
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use super::{PURGE_BATCH, PURGE_ROUNDS, TOUCHES_MAX};
use crate::{
    ClientInfo, Create, Epoch, Error, Inserted, Limits, Live, Opened, Rotate, Session, SessionId, Store, Token,
    TokenHash, View,
};

/// What the work of a message needs; shared with it, so that messages are served concurrently.
#[derive(Clone)]
pub(super) struct Ports {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) view: View,
    touches: Arc<Semaphore>,
}

impl Ports {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, limits: Limits, view: View) -> Self {
        Self { store, clock, limits, view, touches: Arc::new(Semaphore::new(TOUCHES_MAX)) }
    }

    pub(super) async fn create(&self, Create { user, epoch, client }: Create) -> Result<Opened, Error> {
        let (opened, hash) = self.open(user, epoch, client);
        let (revoking, reading) = (self.view.revoking(user), self.view.reading());
        match self.store.insert(&opened.session, hash, self.limits.per_user_max).await? {
            Inserted::Kept { ended: 0 } => revoking.nothing(),
            Inserted::Kept { ended } => {
                drop(revoking);
                tracing::info!(user.id = %user, count = ended, "oldest sessions ended: the user had too many");
            }
            Inserted::Stale => {
                revoking.nothing();
                return Err(Error::Stale);
            }
        }
        if !self.view.admits(&opened.session) {
            return Err(Error::Stale); // the store will end it once it has the epoch
        }
        self.view.fill_kept(hash, &opened.session, self.touch_due(&opened.session), reading);
        Ok(opened)
    }

    pub(super) fn open(&self, user: UserId, epoch: Epoch, client: ClientInfo) -> (Opened, TokenHash) {
        let (now, token) = (self.clock.now(), Token::generate());
        let hash = token.hash();
        let session = Session {
            id: SessionId::new(),
            user,
            epoch,
            created_at: now,
            last_seen_at: now,
            expires_at: self.limits.lifetimes.expiry(now, now),
            client,
        };
        (Opened { session, token }, hash)
    }

    pub(super) async fn validate(&self, hash: TokenHash) -> Result<Live, Error> {
        let reading = self.view.reading();
        let mut session = self.store.find(hash).await?.ok_or(Error::Dead)?;
        let now = self.clock.now();
        if !session.is_live(now) || !self.view.admits(&session) {
            return Err(Error::Dead);
        }
        if let Some(used) = self.view.get(hash, now) {
            return Ok(used); // another use was quicker; one of them is written down
        }
        if self.touch_due(&session) <= now {
            self.touch(&mut session, now);
        }
        self.view.fill(hash, &session, self.touch_due(&session), reading);
        Ok(Live::from(&session))
    }

    pub(super) async fn list(&self, user: UserId) -> Result<Vec<Session>, Error> {
        let mut sessions = self.store.list(user, self.clock.now(), self.limits.per_user_max).await?;
        sessions.retain(|session| self.view.admits(session));
        Ok(sessions)
    }

    /// Until when a session may be answered from the view.
    fn touch_due(&self, session: &Session) -> OffsetDateTime {
        self.limits.lifetimes.touch_due(session.last_seen_at)
    }

    /// Counts a use of `session` now, and writes it down without keeping its user waiting: a write that is lost costs
    /// one touch interval of idle time at the most, since the next use that is due tries again.
    fn touch(&self, session: &mut Session, now: OffsetDateTime) {
        let Ok(permit) = Arc::clone(&self.touches).try_acquire_owned() else { return };
        session.last_seen_at = now;
        session.expires_at = self.limits.lifetimes.expiry(session.created_at, now);
        let (store, seen) = (Arc::clone(&self.store), session.clone());
        actix::spawn(async move {
            if let Err(error) = store.touch(&seen).await {
                tracing::warn!(user.id = %seen.user, error = &error as &dyn std::error::Error, "use of session not kept");
            }
            drop(permit);
        });
    }

    /// The view refuses at once, and goes on refusing when the store cannot be told.
    pub(super) async fn raise_epoch(&self, user: UserId, epoch: Epoch) -> Result<(), Error> {
        let raising = self.view.raising(user, epoch);
        self.store.raise_epoch(user, epoch, None).await?;
        raising.committed();
        Ok(())
    }

    pub(super) async fn rotate(&self, Rotate { user, epoch, client }: Rotate) -> Result<Opened, Error> {
        let (opened, hash) = self.open(user, epoch, client);
        let raising = self.view.raising(user, epoch);
        let raised = self.store.raise_epoch(user, epoch, Some((&opened.session, hash))).await?;
        raising.committed(); // one that is refused is refused since the store has a higher one
        if raised { Ok(opened) } else { Err(Error::Stale) }
    }

    pub(super) async fn purge(&self) {
        let mut purged = 0;
        for _ in 0..PURGE_ROUNDS {
            match self.store.purge(self.clock.now(), PURGE_BATCH).await {
                Ok(count) => {
                    purged += count;
                    if count < u64::from(PURGE_BATCH) {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "expired sessions not purged");
                    break;
                }
            }
        }
        if purged > 0 {
            tracing::info!(count = purged, "expired sessions purged");
        }
    }
}
