//! The port behind which committed events wait until everybody who must know has applied them.

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Event, StoreError};

/// Events that were committed beside the change they tell of, oldest first.
///
/// Invariant: an event leaves only through [`Self::forget`], after its consumers have confirmed it.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// At most `limit` events that stand after `position`, each with its own, in the order in which they were committed;
    /// none if there are none. Positions rise as commits do, are never given twice, and begin at 1.
    async fn after(&self, position: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError>;

    /// At most `limit` events, in the order in which they were committed.
    async fn oldest(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        Ok(self.after(0, limit).await?.into_iter().map(|(_, event)| event).collect())
    }

    /// Forgets events that were confirmed.
    async fn forget(&self, ids: &[Uuid]) -> Result<(), StoreError>;

    /// Sets aside an event that no consumer can understand, with the reason, so that it does not block the others.
    async fn set_aside(&self, id: Uuid, reason: &str) -> Result<(), StoreError>;

    /// How many events wait.
    async fn depth(&self) -> Result<u64, StoreError>;

    /// When the event was decided that has waited for longest; none if none waits.
    async fn oldest_at(&self) -> Result<Option<OffsetDateTime>, StoreError>;

    /// Resolves when an event may have been committed since the last call; spurious wake-ups are allowed.
    async fn committed(&self);
}
