//! Redis 7 or later, or Valkey: sessions that several nodes share, and what they share of profiles.
//!
//! Invariant: what the port promises of a user's sessions is done by a script over that user's keys, which the server runs
//! as one step. A session is there as long as its own key is; what else points to it is only a way to find it (ADR 010).
//!
//! The server ends sessions by itself when their time is over. It must keep what it acknowledged (`appendonly yes`,
//! `appendfsync always`) and evict nothing (`maxmemory-policy noeviction`): docs/operations.md.

mod ears;
mod error;
mod keys;
mod life;
mod link;
mod profiles;
mod record;
mod script;
mod settings;
mod transfer;

use std::sync::Arc;

use async_trait::async_trait;
use fred::{
    interfaces::{HashesInterface as _, KeysInterface as _},
    types::Expiration,
};
use portico_kernel::{StoreError, UserId};
use portico_session::{Epoch, Inserted, LAST_EPOCH, Session, SessionId, Store, TokenHash};
use time::OffsetDateTime;
use tokio::sync::Notify;

pub use self::{
    ears::Ears,
    profiles::{Outcomes, Profiles},
    settings::Settings,
};
use self::{
    link::Link,
    record::{Fields, milliseconds, sortable},
};
use crate::{Unopened, moment::to_nanos};

/// The session domain's store.
pub struct Sessions {
    link: Arc<Link>,
}

impl Sessions {
    /// Connects to a server that was seen to be there and of a version that will do. Whose `ears` these are is told of every
    /// change to what was found here, whoever makes it.
    ///
    /// # Errors
    /// The operator's: why the server cannot be used, and whether it is worth trying again.
    pub async fn connect(settings: &Settings, ears: Ears) -> Result<Self, Unopened> {
        // The driver's futures are large, and this one is awaited by everything that starts a node.
        Ok(Self { link: Arc::new(Box::pin(Link::open(settings, ears)).await?) })
    }

    /// Wakes one who waits for it each time that the server is there again.
    pub fn returned(&self) -> Arc<Notify> {
        self.link.returned()
    }

    /// Ends the connection. Later commands are refused.
    pub fn close(&self) {
        self.link.close();
    }

    /// Has a token lead to its session, which is kept afterwards. Until then it leads to nothing.
    async fn point(&self, session: &Session, hash: TokenHash) -> Result<(), StoreError> {
        let (key, place) = (keys::token(&keys::hash(hash)), keys::place(session.user, session.id));
        let ends = Expiration::PXAT(milliseconds(session.expires_at));
        self.link.read(|client| async move { client.set(key, place, Some(ends), None, false).await }).await
    }

    /// Takes away what led to sessions that are no more. What stays is in nobody's way, and ends with its time.
    async fn forget(&self, hashes: impl IntoIterator<Item = String>) {
        let keys: Vec<_> = hashes.into_iter().map(|hash| keys::token(&hash)).collect();
        if !keys.is_empty() {
            let _leads_to_nothing = self.link.read(|client| async move { client.unlink::<(), _>(keys).await }).await;
        }
    }
}

#[async_trait]
impl Store for Sessions {
    async fn insert(&self, session: &Session, hash: TokenHash, per_user_max: u32) -> Result<Inserted, StoreError> {
        self.point(session, hash).await?;
        let mut arguments = vec![sortable(LAST_EPOCH), sortable(session.epoch), per_user_max.to_string()];
        arguments.extend(record::arguments(session, hash));
        let ended = script::run(&self.link, script::INSERT, session.user, arguments).await?;
        let answer = match &ended {
            Some(ended) => Inserted::Kept { ended: ended.len().try_into().unwrap_or(u64::MAX) },
            None => Inserted::Stale,
        };
        self.forget(ended.unwrap_or_else(|| vec![keys::hash(hash)])).await;
        Ok(answer)
    }

    async fn find(&self, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        let token = keys::token(&keys::hash(hash));
        let place: Option<String> = self.link.read(|client| async move { client.get(token).await }).await?;
        let Some(place) = place else { return Ok(None) };
        let (user, id) =
            keys::of_place(&place).ok_or_else(|| StoreError::Broken("what a token leads to is damaged".into()))?;
        let key = keys::session(user, id);
        let fields: Fields = self.link.read(|client| async move { client.hgetall(key).await }).await?;
        if fields.is_empty() { Ok(None) } else { record::session(user, id, fields).map(Some) }
    }

    async fn list(&self, user: UserId, now: OffsetDateTime, limit: u32) -> Result<Vec<Session>, StoreError> {
        let mut sessions = script::list(&self.link, user).await?;
        sessions.retain(|session| session.is_live(now));
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        sessions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(sessions)
    }

    async fn touch(&self, used: &Session) -> Result<(), StoreError> {
        let ends = milliseconds(used.expires_at);
        let moments = [to_nanos(used.last_seen_at), to_nanos(used.expires_at), ends].map(|moment| moment.to_string());
        let arguments = std::iter::once(used.id.to_string()).chain(moments).collect();
        for hash in script::run(&self.link, script::TOUCH, used.user, arguments).await?.into_iter().flatten() {
            let token = keys::token(&hash);
            self.link.write(|client| async move { client.pexpire_at::<(), _>(token, ends, None).await }).await?;
        }
        Ok(())
    }

    async fn delete(&self, user: UserId, session: SessionId) -> Result<bool, StoreError> {
        let ended = script::run(&self.link, script::DELETE, user, vec![session.to_string()]).await?;
        let existed = ended.is_some();
        self.forget(ended.into_iter().flatten()).await;
        Ok(existed)
    }

    async fn delete_others(&self, user: UserId, keep: SessionId) -> Result<(), StoreError> {
        let ended = script::run(&self.link, script::DELETE_OTHERS, user, vec![keep.to_string()]).await?;
        self.forget(ended.into_iter().flatten()).await;
        Ok(())
    }

    async fn raise_epoch(
        &self,
        user: UserId,
        epoch: Epoch,
        replacement: Option<(&Session, TokenHash)>,
    ) -> Result<bool, StoreError> {
        let mut arguments = vec![sortable(LAST_EPOCH), sortable(epoch)];
        if let Some((session, hash)) = replacement {
            self.point(session, hash).await?;
            arguments.push(sortable(session.epoch));
            arguments.extend(record::arguments(session, hash));
        }
        let ended = script::run(&self.link, script::RAISE, user, arguments).await?;
        let is_raised = ended.is_some();
        let refused = replacement.filter(|_| !is_raised).map(|(_, hash)| keys::hash(hash));
        self.forget(ended.into_iter().flatten().chain(refused)).await;
        Ok(is_raised)
    }

    /// The server does it by itself.
    async fn purge(&self, _: OffsetDateTime, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.link.write(|client| async move { client.incr::<(), _>(keys::PROBE).await }).await
    }
}
