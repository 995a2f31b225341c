//! PostgreSQL 15 or later: one pool, and a transaction for each command, READ COMMITTED, that is answered after COMMIT.
//!
//! Invariant: whatever is done with a connection is done on the runtime that opened the pool, however short-lived the
//! runtime of whoever asks, and takes no longer than its bound, whatever the server does. Of a transaction nobody may know
//! whether it was committed: that is said, and it is never repeated. Statements are never logged: they carry personal data.

mod error;
mod migrate;
mod open;
mod settings;
mod turns;
mod write;

use std::{sync::Arc, time::Duration};

use portico_kernel::StoreError;
use sea_orm::{DatabaseConnection, DatabaseTransaction};
use sea_orm_migration::MigratorTrait;
use tokio::{runtime::Handle, sync::Notify, time::timeout};

pub use self::settings::{Settings, Tls};
pub(crate) use self::{
    error::{is_silence, of_server},
    turns::Turns,
};
use crate::{
    Unopened,
    database::{Operations, Reader, Remote, Work, store_error},
    sqlite::Kind,
};

/// How long a migration may take, which may have to wait for that of another node.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);
/// After this an outbox is looked at although nothing was committed here: another node may have.
const OTHERS_COMMIT: Duration = Duration::from_secs(1);

/// A database of a server.
pub(crate) struct Postgres {
    kind: Kind,
    pool: DatabaseConnection,
    turns: Arc<Turns>,
    runtime: Handle,
    /// What work, a commit or a read may take at the most: more than the server allows a statement.
    bound: Duration,
    committed: Notify,
}

impl Postgres {
    /// Opens the database, once it was seen to be there and to be of a version that will do.
    ///
    /// # Errors
    /// The operator's: why it cannot be used, and whether it is worth trying again.
    pub(crate) async fn open(settings: &Settings, kind: Kind) -> Result<Self, Unopened> {
        let pool = open::pool(settings).await?;
        let bound = settings.statement_timeout + settings::MARGIN;
        let turns = Arc::new(Turns::new(settings.few(), settings.pool_max as usize, settings.acquire_timeout));
        Ok(Self { kind, pool, turns, runtime: Handle::current(), bound, committed: Notify::new() })
    }

    /// What queries run on.
    pub(crate) fn reader(&self, operations: Operations) -> Reader {
        let (turns, runtime) = (Arc::clone(&self.turns), self.runtime.clone());
        Reader::remote(self.pool.clone(), operations, Remote { turns, runtime, within: self.bound })
    }

    /// Runs `command` in a transaction of its own, again if another made it fail, and answers once it is committed.
    pub(crate) async fn run<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Clone + Send + 'static,
    {
        self.run_within(self.bound, command).await
    }

    async fn run_within<T, F>(&self, bound: Duration, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Clone + Send + 'static,
    {
        let (pool, turns) = (self.pool.clone(), Arc::clone(&self.turns));
        // A task of its own: cancelling the wait does not undo a command that has begun.
        let answer = self.runtime.spawn(async move { write::run(&pool, &turns, bound, command).await }).await;
        let answer = answer.unwrap_or_else(|_| Err(StoreError::Broken("a command panicked".into())));
        if matches!(answer, Ok(_) | Err(StoreError::Uncertain(_))) {
            self.committed.notify_one();
        }
        answer
    }

    /// Makes the tables, one node after the other.
    ///
    /// # Errors
    /// The operator's, `Broken`, when it is another database, or a newer version made it.
    pub(crate) async fn migrate<M: MigratorTrait + 'static>(&self) -> Result<(), StoreError> {
        let kind = self.kind;
        self.run_within(MIGRATION_TIMEOUT, move |tx| Box::pin(migrate::run::<M>(tx, kind))).await
    }

    /// Resolves when something may have been committed since the last call, here or by another node.
    pub(crate) async fn committed(&self) {
        // NOTIFY would have all commits of the server wait for each other; a query a second costs less.
        let _another_node = timeout(OTHERS_COMMIT, self.committed.notified()).await;
    }

    /// Closes every connection, once what runs on it has ended. Later commands are refused.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let closed = timeout(self.bound, self.pool.close_by_ref()).await;
        closed.map_or_else(|late| Err(StoreError::Unavailable(late.into())), |closed| closed.map_err(store_error))
    }
}
