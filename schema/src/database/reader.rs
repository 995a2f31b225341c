//! What queries that change nothing run on.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};
#[cfg(feature = "postgres")]
use {
    crate::postgres::{Turns, is_silence},
    sea_orm::{RuntimeErr, SqlxError},
    std::{io, sync::Arc, time::Duration},
    tokio::{runtime::Handle, time::timeout},
};

use super::Operations;

/// Runs queries on any of a few connections.
pub(crate) struct Reader {
    connection: DatabaseConnection,
    operations: Operations,
    #[cfg(feature = "postgres")]
    remote: Option<Remote>,
}

/// How queries are put to a server.
#[cfg(feature = "postgres")]
pub(crate) struct Remote {
    /// What each waits for.
    pub(crate) turns: Arc<Turns>,
    /// Where they run.
    pub(crate) runtime: Handle,
    /// How long they may.
    pub(crate) within: Duration,
}

impl Reader {
    /// Queries run where they are asked for.
    pub(super) fn local(connection: DatabaseConnection, operations: Operations) -> Self {
        Self {
            connection,
            operations,
            #[cfg(feature = "postgres")]
            remote: None,
        }
    }

    /// Queries run on a runtime, which reads the answers even if whoever asked has gone, and fail when they take longer
    /// than they may.
    #[cfg(feature = "postgres")]
    pub(crate) fn remote(connection: DatabaseConnection, operations: Operations, remote: Remote) -> Self {
        Self { connection, operations, remote: Some(remote) }
    }

    pub(super) fn operations(&self) -> &Operations {
        &self.operations
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.connection.close_by_ref().await
    }

    async fn run<T, F>(&self, query: impl FnOnce(DatabaseConnection) -> F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        self.operations.read(self.put(query)).await
    }

    async fn put<T, F>(&self, query: impl FnOnce(DatabaseConnection) -> F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        let query = query(self.connection.clone());
        #[cfg(feature = "postgres")]
        if let Some(remote) = &self.remote {
            let asking = ask(Arc::clone(&remote.turns), remote.within, query);
            let answer = remote.runtime.spawn(asking).await;
            return answer.unwrap_or_else(|ended| Err(DbErr::Custom(ended.to_string())));
        }
        query.await
    }
}

#[cfg(feature = "postgres")]
async fn ask<T>(
    turns: Arc<Turns>,
    within: Duration,
    query: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let turn = turns.take().await?;
    let answer = timeout(within, query).await.unwrap_or_else(|_| Err(late()));
    if answer.as_ref().is_err_and(is_silence) {
        turn.missed();
    } else {
        turn.reached();
    }
    answer
}

#[cfg(feature = "postgres")]
fn late() -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(SqlxError::Io(io::ErrorKind::TimedOut.into()).into()))
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(|on| async move { on.execute_raw(statement).await }).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        self.run(|on| async move { on.execute_unprepared(&sql).await }).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(|on| async move { on.query_one_raw(statement).await }).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(|on| async move { on.query_all_raw(statement).await }).await
    }
}
