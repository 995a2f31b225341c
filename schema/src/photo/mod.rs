//! Photos: their rows, their owners, the list of content to delete, and the bytes that the rows speak of.
//!
//! Invariant: content that may exist has a row in `photos` or an entry in `content_work`, or both while it is copied; each
//! transaction here keeps that true by itself. An owner's tombstone stays for ever, and an owner's count is that of its rows.

mod commands;
mod content;
mod entities;
mod migrations;
pub(crate) mod transfer;

use std::path::Path;

use async_trait::async_trait;
use portico_kernel::{Idempotency, IdempotencyKey, StoreError, UserId};
use portico_photo::{ContentWork, Inserted, OwnerChange, Page, Photo, PhotoId, Remembered, Reserved, Store, Summary};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::content::*;
use self::entities::{content_work, idempotency_key, owner, photo};
#[cfg(feature = "postgres")]
use crate::{Unopened, postgres::Settings};
use crate::{
    database::{Database, Operations, store_error},
    lease::Lease,
    moment::to_nanos,
    purge,
    sqlite::Kind,
};

/// The photo domain's store of rows.
pub struct Photos {
    database: Database,
    /// Where several processes share the database: whose turn it is to work on the list.
    turn: Option<Lease>,
}

impl Photos {
    /// Opens the SQLite database of `path`, or makes an empty one there; [`Self::migrate`] makes its tables.
    ///
    /// # Errors
    /// The operator's, `Broken`, when the file is damaged or holds something else.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::sqlite(path, Kind::Photos).await?, turn: None })
    }

    /// Opens a database of a PostgreSQL server; [`Self::migrate`] makes its tables.
    ///
    /// # Errors
    /// The operator's: why it cannot be used, and whether it is worth trying again.
    #[cfg(feature = "postgres")]
    pub async fn connect(settings: &Settings) -> Result<Self, Unopened> {
        Ok(Self { database: Database::postgres(settings, Kind::Photos).await?, turn: None })
    }

    /// The same as the node `node` sees them, which shares them with others: what tells it from those, the same at each of its
    /// starts.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn shared_by(self, node: [u8; 32]) -> Self {
        Self { turn: Some(Lease::new("sweep", node)), ..self }
    }

    /// Brings the tables up to this version; to be called before anything else, and as often as one likes.
    ///
    /// # Errors
    /// The operator's, `Broken`, when a newer version made the database, or it holds something else.
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

    /// An owner's photos, latest first, those after `after`.
    async fn latest(&self, owner: UserId, after: Option<PhotoId>, limit: u64) -> Result<Vec<Photo>, StoreError> {
        let mut query = photo::Entity::find().filter(photo::Column::OwnerId.eq(owner.uuid()));
        if let Some(after) = after {
            query = query.filter(photo::Column::Id.lt(after.uuid()));
        }
        let rows = query.order_by_desc(photo::Column::Id).limit(limit).all(self.database.read()).await;
        rows.map_err(store_error)?.into_iter().map(photo::Model::into_photo).collect()
    }
}

#[async_trait]
impl Store for Photos {
    async fn reserve(
        &self,
        owner: UserId,
        photo: PhotoId,
        due: OffsetDateTime,
        quota: u32,
    ) -> Result<Reserved, StoreError> {
        self.database.write(move |tx| Box::pin(commands::reserve(tx, owner, photo, to_nanos(due), quota))).await
    }

    async fn insert(
        &self,
        photo: &Photo,
        idempotency: Option<&Idempotency>,
        quota: u32,
    ) -> Result<Inserted, StoreError> {
        let (photo, idempotency) = (photo.clone(), idempotency.cloned());
        self.database.write(move |tx| Box::pin(commands::insert(tx, photo, idempotency, quota))).await
    }

    async fn find(&self, owner: UserId, photo: PhotoId) -> Result<Option<Photo>, StoreError> {
        let key = (owner.uuid(), photo.uuid());
        let row = photo::Entity::find_by_id(key).one(self.database.read()).await.map_err(store_error)?;
        row.map(photo::Model::into_photo).transpose()
    }

    async fn list(&self, owner: UserId, after: Option<PhotoId>, limit: u32) -> Result<Page, StoreError> {
        let limit = limit as usize;
        let mut items = self.latest(owner, after, limit as u64 + 1).await?; // one more tells whether there is a next page
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|photo| photo.id);
        Ok(Page { items, next })
    }

    async fn summary(&self, owner: UserId, latest: u32) -> Result<Summary, StoreError> {
        let row = owner::Entity::find_by_id(owner.uuid()).one(self.database.read()).await.map_err(store_error)?;
        let count = row.map_or(0, |row| row.photo_count.unsigned_abs());
        Ok(Summary { count, latest: self.latest(owner, None, u64::from(latest)).await? })
    }

    async fn all(&self, after: Option<(UserId, PhotoId)>, limit: u32) -> Result<Vec<Photo>, StoreError> {
        let mut photos = photo::Entity::find().cursor_by((photo::Column::OwnerId, photo::Column::Id));
        if let Some((owner, photo)) = after {
            photos.after((owner.uuid(), photo.uuid()));
        }
        let rows = photos.first(u64::from(limit)).all(self.database.read()).await.map_err(store_error)?;
        rows.into_iter().map(photo::Model::into_photo).collect()
    }

    async fn count(&self) -> Result<u64, StoreError> {
        photo::Entity::find().count(self.database.read()).await.map_err(store_error)
    }

    async fn begin_copy(&self, owner: UserId, photo: PhotoId, due: OffsetDateTime) -> Result<bool, StoreError> {
        self.database.write(move |tx| Box::pin(commands::begin_copy(tx, owner, photo, to_nanos(due)))).await
    }

    async fn end_copy(&self, owner: UserId, photo: PhotoId, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.database.write(move |tx| Box::pin(commands::end_copy(tx, owner, photo, to_nanos(now)))).await
    }

    async fn delete(&self, owner: UserId, photo: PhotoId, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.database.write(move |tx| Box::pin(commands::delete(tx, owner, photo, to_nanos(now)))).await
    }

    async fn apply(&self, event: Uuid, owner: OwnerChange, now: OffsetDateTime) -> Result<(), StoreError> {
        self.database.write(move |tx| Box::pin(commands::apply(tx, event, owner, to_nanos(now)))).await
    }

    async fn due(&self, now: OffsetDateTime, limit: u32) -> Result<Vec<ContentWork>, StoreError> {
        let rows = content_work::Entity::find()
            .filter(content_work::Column::Due.lte(to_nanos(now)))
            .order_by_asc(content_work::Column::Due)
            .limit(u64::from(limit))
            .all(self.database.read())
            .await
            .map_err(store_error)?;
        Ok(rows.into_iter().map(content_work::Model::into_work).collect())
    }

    async fn done(&self, photo: PhotoId) -> Result<(), StoreError> {
        self.database.write(move |tx| Box::pin(commands::done(tx, photo))).await
    }

    async fn postpone(&self, photo: PhotoId, due: OffsetDateTime) -> Result<bool, StoreError> {
        self.database.write(move |tx| Box::pin(commands::postpone(tx, photo, to_nanos(due)))).await
    }

    async fn recall(
        &self,
        owner: UserId,
        key: &IdempotencyKey,
        since: OffsetDateTime,
    ) -> Result<Option<Remembered>, StoreError> {
        let found = idempotency_key::Entity::find_by_id((owner.uuid(), key.as_str().to_owned()))
            .filter(idempotency_key::Column::CreatedAt.gte(to_nanos(since)))
            .one(self.database.read())
            .await
            .map_err(store_error)?;
        found.map(idempotency_key::Model::into_remembered).transpose()
    }

    async fn purge(&self, keys_before: OffsetDateTime, inbox_before: OffsetDateTime) -> Result<u64, StoreError> {
        let (keys, inbox) = (to_nanos(keys_before), to_nanos(inbox_before));
        let forgotten =
            purge::in_batches(|| self.database.write(move |tx| Box::pin(commands::forget_keys(tx, keys)))).await?;
        let expired =
            purge::in_batches(|| self.database.write(move |tx| Box::pin(commands::empty_inbox(tx, inbox)))).await?;
        Ok(forgotten + expired)
    }

    async fn take_turn(&self) -> Result<bool, StoreError> {
        let Some(turn) = &self.turn else { return Ok(true) };
        Ok(turn.hold(&self.database, |_| {}).await?.is_some())
    }

    async fn end_turn(&self) -> Result<(), StoreError> {
        match &self.turn {
            Some(turn) => turn.release(&self.database).await,
            None => Ok(()),
        }
    }

    async fn backlog(&self) -> Result<u64, StoreError> {
        content_work::Entity::find().count(self.database.read()).await.map_err(store_error)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }
}
