//! A relational database as the adapters see it: a pool to read from, and commands that run inside of a write
//! transaction. Which database it is, and how its transactions are run, stays in here.
//!
//! Invariant: a command's answer is sent after its transaction was committed, and a command that ends in [`Rollback`]
//! leaves nothing behind, whatever its neighbours do. No transaction is open across anything but its own statements.

mod error;
mod operations;
mod reader;

use std::path::Path;

use futures_util::future::BoxFuture;
use portico_kernel::StoreError;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr};
use sea_orm_migration::MigratorTrait;

pub use self::operations::Operations;
#[cfg(feature = "postgres")]
pub(crate) use self::reader::Remote;
pub(crate) use self::{
    error::{meaning, store_error},
    reader::Reader,
};
#[cfg(feature = "postgres")]
use crate::{
    Unopened,
    postgres::{Postgres, Settings},
};
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
    reader: Reader,
    engine: Engine,
}

/// What runs commands.
enum Engine {
    Sqlite(Writer, Kind),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
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
        let operations = Operations::new("sqlite", kind.name());
        let reader = Reader::local(sqlite::readers(path), operations);
        Ok(Self { reader, engine: Engine::Sqlite(writer, kind) })
    }

    /// Opens a database of a PostgreSQL server.
    ///
    /// # Errors
    /// The operator's: why it cannot be used, and whether it is worth trying again.
    #[cfg(feature = "postgres")]
    pub(crate) async fn postgres(settings: &Settings, kind: Kind) -> Result<Self, Unopened> {
        let postgres = Postgres::open(settings, kind).await?;
        let operations = Operations::new("postgresql", kind.name());
        let reader = postgres.reader(operations);
        Ok(Self { reader, engine: Engine::Postgres(postgres) })
    }

    /// Which database it is, for what each does in a way of its own.
    pub(crate) fn backend(&self) -> DbBackend {
        self.reader.get_database_backend()
    }

    /// What its operations are measured by.
    pub(crate) fn operations(&self) -> &Operations {
        self.reader.operations()
    }

    /// What queries that change nothing run on. Each sees everything that was committed before it began.
    pub(crate) fn read(&self) -> &Reader {
        &self.reader
    }

    /// Runs `command` inside of a write transaction and answers once that is committed. It may run more than once, if its
    /// transaction lost to another and left nothing behind.
    ///
    /// Cancelling the wait does not undo a command that has begun.
    pub(crate) async fn write<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Clone + Send + 'static,
    {
        self.reader
            .operations()
            .write(async {
                match &self.engine {
                    Engine::Sqlite(writer, _) => writer.run(command).await,
                    #[cfg(feature = "postgres")]
                    Engine::Postgres(postgres) => postgres.run(command).await,
                }
            })
            .await
    }

    /// Brings the tables up to this version, all in one transaction. Nothing happens to those that are.
    ///
    /// # Errors
    /// The operator's, `Broken`, when a newer version made the database, or it holds something else.
    pub(crate) async fn migrate<M: MigratorTrait + 'static>(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(writer, kind) => {
                let kind = *kind;
                let migrated = writer.run(move |tx| {
                    Box::pin(async move {
                        M::up(tx, None).await?;
                        Ok(sqlite::mark(tx, kind).await?)
                    })
                });
                migrated.await
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.migrate::<M>().await,
        }
    }

    /// Resolves when something may have been committed since the last call.
    pub(crate) async fn committed(&self) {
        match &self.engine {
            Engine::Sqlite(writer, _) => writer.committed().await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.committed().await,
        }
    }

    /// Proves that it can be read and written.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        probe::check(self).await
    }

    /// Finishes every command that runs and closes the database, SQLite's as one file. Later commands are refused.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(writer, _) => {
                let readers = self.reader.close().await.map_err(store_error);
                writer.close().await.and(readers)
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }
}
