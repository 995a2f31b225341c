//! Sessions under the hash of their token, and each user's least epoch.
//!
//! Invariant: no session is kept whose epoch is below its user's least: raising the epoch and ending the older sessions
//! are one transaction, and so are looking at the epoch and keeping a session.

mod commands;
mod entities;
mod migrations;
pub(crate) mod transfer;

use std::path::Path;

use async_trait::async_trait;
use portico_kernel::{StoreError, UserId};
use portico_session::{Epoch, Inserted, Session, SessionId, Store, TokenHash};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use self::entities::session;
use crate::{
    database::{Database, Operations, store_error},
    moment::to_nanos,
    sqlite::Kind,
};

/// The session domain's store.
pub struct Sessions {
    database: Database,
}

impl Sessions {
    /// Opens the SQLite database of `path`, or makes an empty one there; [`Self::migrate`] makes its tables.
    ///
    /// # Errors
    /// The operator's, `Broken`, when the file is damaged or holds something else.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::sqlite(path, Kind::Sessions).await? })
    }

    /// Brings the tables up to this version; to be called before anything else, and as often as one likes.
    ///
    /// # Errors
    /// The operator's, `Broken`, when a newer version made the database.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.database.migrate::<migrations::Migrator>().await
    }

    /// What operations of the database are measured by.
    pub fn operations(&self) -> &Operations {
        self.database.operations()
    }

    /// Finishes every write that waits and closes the database.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.database.close().await
    }
}

#[async_trait]
impl Store for Sessions {
    async fn insert(&self, session: &Session, hash: TokenHash, per_user_max: u32) -> Result<Inserted, StoreError> {
        let session = session.clone();
        self.database.write(move |tx| Box::pin(commands::insert(tx, session, hash, per_user_max))).await
    }

    async fn find(&self, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        let row = session::Entity::find()
            .filter(session::Column::TokenHash.eq(hash.0.to_vec()))
            .one(self.database.read())
            .await
            .map_err(store_error)?;
        row.map(session::Model::into_session).transpose()
    }

    async fn list(&self, user: UserId, now: OffsetDateTime, limit: u32) -> Result<Vec<Session>, StoreError> {
        let rows = session::Entity::find()
            .filter(session::Column::UserId.eq(user.uuid()))
            .filter(session::Column::ExpiresAt.gt(to_nanos(now)))
            .order_by_desc(session::Column::CreatedAt)
            .order_by_desc(session::Column::Id)
            .limit(u64::from(limit))
            .all(self.database.read())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(session::Model::into_session).collect()
    }

    async fn touch(&self, used: &Session) -> Result<(), StoreError> {
        let (id, last_seen_at, expires_at) = (used.id, used.last_seen_at, used.expires_at);
        self.database.write(move |tx| Box::pin(commands::touch(tx, id, last_seen_at, expires_at))).await
    }

    async fn delete(&self, user: UserId, session: SessionId) -> Result<bool, StoreError> {
        self.database.write(move |tx| Box::pin(commands::delete(tx, user, session))).await
    }

    async fn delete_others(&self, user: UserId, keep: SessionId) -> Result<(), StoreError> {
        self.database.write(move |tx| Box::pin(commands::delete_others(tx, user, keep))).await
    }

    async fn raise_epoch(
        &self,
        user: UserId,
        epoch: Epoch,
        replacement: Option<(&Session, TokenHash)>,
    ) -> Result<bool, StoreError> {
        let replacement = replacement.map(|(session, hash)| (session.clone(), hash));
        self.database.write(move |tx| Box::pin(commands::raise_epoch(tx, user, epoch, replacement))).await
    }

    async fn purge(&self, now: OffsetDateTime, limit: u32) -> Result<u64, StoreError> {
        self.database.write(move |tx| Box::pin(commands::purge(tx, to_nanos(now), limit))).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }
}
