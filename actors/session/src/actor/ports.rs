//! The work behind the messages: what is asked of the store, and what of it is published in the view.
//!
//! Invariant: a reading of the view begins before the store is asked, and a revocation in the view ends after the
//! store's commit; in between lies whatever may race.

use std::sync::Arc;

use portico_kernel::{Clock, UserId};
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use super::{PURGE_BATCH, PURGE_ROUNDS, TOUCHES_MAX};
use crate::{ClientInfo, Epoch, Error, Lifetimes, Opened, Session, SessionId, Store, Token, TokenHash, View};

/// What the work of a message needs; shared with it, so that messages are served concurrently.
#[derive(Clone)]
pub(super) struct Ports {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lifetimes: Lifetimes,
    pub(super) view: View,
    touches: Arc<Semaphore>,
}

impl Ports {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, lifetimes: Lifetimes, view: View) -> Self {
        Self { store, clock, lifetimes, view, touches: Arc::new(Semaphore::new(TOUCHES_MAX)) }
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
            expires_at: self.lifetimes.expiry(now, now),
            client,
        };
        (Opened { session, token }, hash)
    }

    pub(super) async fn validate(&self, hash: TokenHash) -> Result<Session, Error> {
        let reading = self.view.reading();
        let mut session = self.store.find(hash).await?.ok_or(Error::Dead)?;
        let now = self.clock.now();
        if !session.is_live(now) {
            return Err(Error::Dead);
        }
        if let Some(used) = self.view.get(hash, now) {
            return Ok(Session::clone(&used)); // another use was quicker; one of them is written down
        }
        if self.lifetimes.touch_due(session.last_seen_at) <= now {
            self.touch(&mut session, now);
        }
        self.view.fill(hash, &session, self.lifetimes.touch_due(session.last_seen_at), reading);
        Ok(session)
    }

    /// Counts a use of `session` now, and writes it down without keeping its user waiting: a write that is lost costs
    /// one touch interval of idle time at the most, since the next use that is due tries again.
    fn touch(&self, session: &mut Session, now: OffsetDateTime) {
        let Ok(permit) = Arc::clone(&self.touches).try_acquire_owned() else { return };
        session.last_seen_at = now;
        session.expires_at = self.lifetimes.expiry(session.created_at, now);
        let (store, seen) = (Arc::clone(&self.store), session.clone());
        actix::spawn(async move {
            if let Err(error) = store.touch(seen.id, seen.last_seen_at, seen.expires_at).await {
                tracing::warn!(user.id = %seen.user, error = &error as &dyn std::error::Error, "use of session not kept");
            }
            drop(permit);
        });
    }

    pub(super) async fn raise_epoch(&self, user: UserId, epoch: Epoch) -> Result<(), Error> {
        let _revoking = self.view.revoking(user);
        self.store.raise_epoch(user, epoch, None).await?;
        Ok(())
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
