//! One process at a time carries the events of a database that several share.
//!
//! Invariant: events are given to the holder of the lease alone, and whoever has lost it takes none of them out any more.
//! Without it there would still be no wrong result, since events are applied by version: but everything would be published as
//! often as there are nodes.

use std::sync::Arc;

use async_trait::async_trait;
use portico_kernel::{Event, Outbox, StoreError};
use sea_orm::DatabaseTransaction;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Users, outbox};
use crate::{
    database::Rollback,
    lease::{Change, Lease},
};

/// The work that the lease is of.
const OUTBOX: &str = "outbox";

/// The outbox of a database, as far as this process is the one to carry its events: to all others it is empty.
pub struct Leased {
    users: Arc<Users>,
    lease: Lease,
}

impl Leased {
    /// The outbox of `users` for the node `node`: what tells it from others, the same at each of its starts.
    pub fn new(users: Arc<Users>, node: [u8; 32]) -> Self {
        Self { users, lease: Lease::new(OUTBOX, node) }
    }

    /// Gives the lease up, so that another need not wait for its end.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.lease.release(&self.users.database).await
    }

    /// The token of a lease that is held.
    async fn token(&self) -> Result<i64, StoreError> {
        self.lease.token().await.ok_or_else(lost)
    }
}

#[async_trait]
impl Outbox for Leased {
    async fn after(&self, position: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        match self.lease.hold(&self.users.database, tell).await? {
            Some(_) => self.users.after(position, limit).await,
            None => Ok(Vec::new()),
        }
    }

    async fn forget(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        let (token, ids) = (self.token().await?, ids.to_vec());
        let forgotten = self.users.database.write(move |tx| {
            Box::pin(async move {
                fence(tx, token).await?;
                outbox::forget(tx, ids).await
            })
        });
        forgotten.await
    }

    async fn set_aside(&self, id: Uuid, reason: &str) -> Result<(), StoreError> {
        let (token, reason) = (self.token().await?, reason.to_owned());
        let set_aside = self.users.database.write(move |tx| {
            Box::pin(async move {
                fence(tx, token).await?;
                outbox::move_aside(tx, id, reason).await
            })
        });
        set_aside.await
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        self.users.depth().await
    }

    async fn oldest_at(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        self.users.oldest_at().await
    }

    async fn committed(&self) {
        self.users.committed().await;
    }
}

fn tell(change: Change) {
    match change {
        Change::Taken(token) => tracing::info!(token, "this node carries the events now"),
        Change::Lost => tracing::warn!("another node carries the events now"),
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable("another node carries the events now".into())
}

/// Refuses a transaction of whoever has lost the lease, and keeps the lease from changing hands before it is committed.
async fn fence(tx: &DatabaseTransaction, token: i64) -> Result<(), Rollback<()>> {
    if Lease::fences(tx, OUTBOX, token).await? { Ok(()) } else { Err(Rollback::Refused(lost())) }
}
