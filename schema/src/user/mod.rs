//! Accounts, the outbox of their events, and the idempotency keys of registrations.
//!
//! Invariant: an address names at most one account (unique index on its key), and a change, its event and its key are
//! one command: all of them are committed, or none.

mod commands;
mod entities;
mod leased;
mod migrations;
mod outbox;
mod positions;
pub(crate) mod transfer;

use std::path::Path;

use async_trait::async_trait;
use portico_kernel::{Event, Idempotency, IdempotencyKey, StoreError, UserId};
use portico_user::{Account, Changed, Email, Inserted, PasswordHash, Remembered, Store};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, Select};
use time::OffsetDateTime;

use self::entities::{idempotency_key, user};
pub use self::leased::Leased;
#[cfg(feature = "postgres")]
use crate::{Unopened, postgres::Settings};
use crate::{
    database::{Database, Operations, store_error},
    moment::to_nanos,
    purge,
    sqlite::Kind,
};

/// The user domain's store and its outbox.
pub struct Users {
    database: Database,
}

impl Users {
    /// Opens the SQLite database of `path`, or makes an empty one there; [`Self::migrate`] makes its tables.
    ///
    /// # Errors
    /// The operator's, `Broken`, when the file is damaged or holds something else.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::sqlite(path, Kind::Users).await? })
    }

    /// Opens a database of a PostgreSQL server; [`Self::migrate`] makes its tables.
    ///
    /// # Errors
    /// The operator's: why it cannot be used, and whether it is worth trying again.
    #[cfg(feature = "postgres")]
    pub async fn connect(settings: &Settings) -> Result<Self, Unopened> {
        Ok(Self { database: Database::postgres(settings, Kind::Users).await? })
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

    async fn one(&self, query: Select<user::Entity>) -> Result<Option<Account>, StoreError> {
        let found = query.one(self.database.read()).await.map_err(store_error)?;
        found.map(user::Model::into_account).transpose()
    }
}

#[async_trait]
impl Store for Users {
    async fn insert(
        &self,
        account: &Account,
        event: &Event,
        idempotency: Option<&Idempotency>,
    ) -> Result<Inserted, StoreError> {
        let (account, event, idempotency) = (account.clone(), event.clone(), idempotency.cloned());
        self.database.write(move |tx| Box::pin(commands::insert(tx, account, event, idempotency))).await
    }

    async fn find(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        self.one(user::Entity::find_by_id(id.uuid())).await
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        self.one(user::Entity::find().filter(user::Column::EmailKey.eq(email.key()))).await
    }

    async fn update(&self, account: &Account, event: &Event) -> Result<Changed, StoreError> {
        let (account, event) = (account.clone(), event.clone());
        self.database.write(move |tx| Box::pin(commands::update(tx, account, event))).await
    }

    async fn rehash(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<(), StoreError> {
        let (old, new) = (old.clone(), new.clone());
        self.database.write(move |tx| Box::pin(commands::rehash(tx, id, old, new))).await
    }

    async fn delete(&self, account: &Account, event: &Event) -> Result<Changed, StoreError> {
        let (id, version, event) = (account.user.id, account.user.version, event.clone());
        self.database.write(move |tx| Box::pin(commands::delete(tx, id, version, event))).await
    }

    async fn recall(&self, key: &IdempotencyKey, since: OffsetDateTime) -> Result<Option<Remembered>, StoreError> {
        let found = idempotency_key::Entity::find_by_id(key.as_str().to_owned())
            .filter(idempotency_key::Column::CreatedAt.gte(to_nanos(since)))
            .one(self.database.read())
            .await
            .map_err(store_error)?;
        found.map(idempotency_key::Model::into_remembered).transpose()
    }

    async fn import(&self, accounts: &[(Account, Event)]) -> Result<Vec<Inserted>, StoreError> {
        let accounts = accounts.to_vec();
        self.database.write(move |tx| Box::pin(commands::import(tx, accounts))).await
    }

    async fn purge(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let before = to_nanos(before);
        purge::in_batches(|| self.database.write(move |tx| Box::pin(commands::forget_keys(tx, before)))).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }
}
