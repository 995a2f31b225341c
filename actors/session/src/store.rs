//! The port behind which sessions are kept.

use async_trait::async_trait;
use portico_kernel::{StoreError, UserId};
use time::OffsetDateTime;

use crate::{Epoch, Session, SessionId, TokenHash};

/// Keeps sessions under the hash of their token.
///
/// Invariant: a session whose epoch is less than its user's least epoch is never inserted, found or listed.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps a session, and ends those of the same user that were opened first, until at most `per_user_max` are left,
    /// in one transaction. Nothing happens when its epoch is below the user's least or the account is deleted.
    async fn insert(&self, session: &Session, hash: TokenHash, per_user_max: u32) -> Result<Inserted, StoreError>;

    /// The session that `hash` opens. One that has ended may be found until it is purged.
    async fn find(&self, hash: TokenHash) -> Result<Option<Session>, StoreError>;

    /// A user's sessions that are live at `now`, latest first, at most `limit` of them.
    async fn list(&self, user: UserId, now: OffsetDateTime, limit: u32) -> Result<Vec<Session>, StoreError>;

    /// Writes down when a session was last used and when it ends for that. Nothing happens to one that is gone.
    async fn touch(&self, used: &Session) -> Result<(), StoreError>;

    /// Ends a session; false when the user has none of that id.
    async fn delete(&self, user: UserId, session: SessionId) -> Result<bool, StoreError>;

    /// Ends all sessions of a user but one.
    async fn delete_others(&self, user: UserId, keep: SessionId) -> Result<(), StoreError>;

    /// Raises the user's least epoch to `epoch` (never lowers it), ends all older sessions and keeps `replacement`, in
    /// one transaction. False, and nothing changes, when the replacement's epoch is below the least.
    async fn raise_epoch(
        &self,
        user: UserId,
        epoch: Epoch,
        replacement: Option<(&Session, TokenHash)>,
    ) -> Result<bool, StoreError>;

    /// Deletes at most `limit` sessions that ended before `now`; answers how many. A store that forgets them by itself has
    /// none to delete. Least epochs stay for ever.
    async fn purge(&self, now: OffsetDateTime, limit: u32) -> Result<u64, StoreError>;

    /// Proves that the store can be read and written: what readiness asks.
    async fn check(&self) -> Result<(), StoreError>;
}

/// What became of a session that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept.
    Kept {
        /// How many others had to end for it.
        ended: u64,
    },
    /// Its epoch is below the user's least, or the account is deleted.
    Stale,
}
