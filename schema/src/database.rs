//! A relational database as the adapters see it: a pool to read from, and commands that run inside of a write
//! transaction. Which database it is, and how its transactions are run, stays in here.
//!
//! Invariant: a command's answer is sent after its transaction was committed, and a command that ends in [`Rollback`]
//! leaves nothing behind, whatever its neighbours do. No transaction is open across anything but its own statements.

mod error;

use std::path::Path;

use futures_util::future::BoxFuture;
use portico_kernel::StoreError;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use sea_orm_migration::MigratorTrait;

pub(crate) use self::error::{meaning, store_error};
use crate::{
    probe,
    sqlite::{self, Kind, Writer},
};

/// What a command does with the transaction it is given.
pub(crate) type Work<'t, T> = BoxFuture<'t, Result<T, Rollback<T>>>;

/// Why a command must leave nothing behind.
#[derive(Debug)]
pub(crate) enum Rollback<T> {
    /// It decided so; this is its answer.
    Answer(T),
    /// It refuses, for a reason that is not the database's.
    Refused(StoreError),
    /// The database failed it.
    Failed(DbErr),
}

impl<T> From<DbErr> for Rollback<T> {
    fn from(error: DbErr) -> Self {
        Self::Failed(error)
    }
}

/// An open database.
pub(crate) struct Database {
    readers: DatabaseConnection,
    writer: Writer,
    kind: Kind,
}

impl Database {
    /// Opens the SQLite database of `path`, or makes an empty one there.
    ///
    /// # Errors
    /// The operator's, `Broken`, when the file is damaged or is not a database of this `kind`; nothing of it is touched.
    pub(crate) async fn sqlite(path: &Path, kind: Kind) -> Result<Self, StoreError> {
        sqlite::identify(path, kind).await?;
        // The writer first: it makes the file, which the readers expect.
        let writer = Writer::open(path).await?;
        Ok(Self { readers: sqlite::readers(path), writer, kind })
    }

    /// What queries that change nothing run on. Each sees everything that was committed before it began.
    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// Runs `command` inside of a write transaction and answers once that is committed.
    ///
    /// Cancelling the wait does not undo a command that has begun.
    pub(crate) async fn write<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
    {
        self.writer.run(command).await
    }

    /// Brings the tables up to this version, all in one transaction. Nothing happens to those that are.
    ///
    /// # Errors
    /// The operator's, `Broken`, when a newer version made the database.
    pub(crate) async fn migrate<M: MigratorTrait>(&self) -> Result<(), StoreError> {
        let kind = self.kind;
        self.write(move |tx| {
            Box::pin(async move {
                M::up(tx, None).await?;
                Ok(sqlite::mark(tx, kind).await?)
            })
        })
        .await
    }

    /// Resolves when something was committed since the last call.
    pub(crate) async fn committed(&self) {
        self.writer.committed().await;
    }

    /// Proves that it can be read and written.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        probe::check(self).await
    }

    /// Finishes every command that waits, leaves everything in one file and closes it. Later commands are refused.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let readers = self.readers.close_by_ref().await.map_err(store_error);
        self.writer.close().await.and(readers)
    }
}
