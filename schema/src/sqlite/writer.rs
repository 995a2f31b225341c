//! Group commit: one task owns the only connection that writes, and commits together what waits together.
//!
//! Invariant: a command runs under a savepoint of its own, or has the transaction for itself, so that its failure or panic
//! undoes it alone; answers go out after COMMIT. Whatever fails in the transaction itself fails everybody in it, and the
//! connection is replaced.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use portico_kernel::StoreError;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{
    job::{Answer, Job, Ran, job},
    unreadable, writing,
};
use crate::database::{Work, store_error};

/// The most commands that wait; whoever comes later waits for room.
const QUEUE_MAX: usize = 1_024;
/// The most commands of one transaction: what one sync of the disk is shared by, and what one failure can undo.
const BATCH_MAX: usize = 128;

/// A handle to the task that writes. When it is dropped without [`Self::close`], the task ends with what it has at hand.
pub(crate) struct Writer {
    queue: mpsc::Sender<Request>,
    committed: Arc<Notify>,
}

enum Request {
    Run(Box<dyn Job>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

impl Writer {
    /// Opens the database of `path` for writing, and makes it if there is none.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = writing(path).await.map_err(|error| unreadable(path, error))?;
        let (queue, requests) = mpsc::channel(QUEUE_MAX);
        let committed = Arc::new(Notify::new());
        let task =
            Task { path: path.to_owned(), connection: Some(connection), requests, committed: Arc::clone(&committed) };
        tokio::spawn(task.serve());
        Ok(Self { queue, committed })
    }

    /// Runs `command` in the next transaction and answers once that is committed.
    pub(crate) async fn run<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
    {
        let (job, answer) = job(command);
        let closed = |_| StoreError::Unavailable("the database is closed".into());
        self.queue.send(Request::Run(job)).await.map_err(closed)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Broken("the writer ended without an answer".into())))
    }

    /// Resolves when a transaction was committed since the last call.
    pub(crate) async fn committed(&self) {
        self.committed.notified().await;
    }

    /// Finishes what waits, moves the log into the database and closes it. Closing twice is no error.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Request::Close(reply)).await.is_err() {
            return Ok(());
        }
        closed.await.unwrap_or(Ok(()))
    }
}

/// The task itself.
struct Task {
    path: PathBuf,
    /// None after it failed, until the next transaction opens another.
    connection: Option<DatabaseConnection>,
    requests: mpsc::Receiver<Request>,
    committed: Arc<Notify>,
}

impl Task {
    async fn serve(mut self) {
        let (mut waiting, mut closing) = (Vec::with_capacity(BATCH_MAX), None);
        while self.requests.recv_many(&mut waiting, BATCH_MAX).await > 0 {
            let mut jobs = VecDeque::with_capacity(waiting.len());
            for request in waiting.drain(..) {
                match request {
                    Request::Run(job) => jobs.push_back(job),
                    Request::Close(reply) => {
                        self.requests.close(); // what is queued is still received
                        closing.get_or_insert(reply);
                    }
                }
            }
            while !jobs.is_empty() {
                self.transact(&mut jobs).await;
            }
        }
        if let Some(reply) = closing {
            drop(reply.send(self.finish().await.map_err(store_error)));
        }
    }

    /// Runs one transaction over `jobs` and answers those that it took; a transaction that is lost midway leaves the
    /// rest for another.
    async fn transact(&mut self, jobs: &mut VecDeque<Box<dyn Job>>) {
        let mut answers = Vec::with_capacity(jobs.len());
        let end = match self.begin().await {
            Ok(tx) => run_all(tx, jobs, &mut answers).await,
            Err(error) => {
                jobs.drain(..).for_each(|job| job.refuse(store_error(error.clone())));
                Err(error)
            }
        };
        match &end {
            Ok(()) => self.committed.notify_one(),
            Err(error) => self.replace_connection(error).await,
        }
        for answer in answers {
            answer(end.clone().map_err(store_error));
        }
    }

    async fn begin(&mut self) -> Result<DatabaseTransaction, DbErr> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => writing(&self.path).await?,
        };
        // Immediate: the only wait for a lock is here, never in the middle of a command.
        let immediate = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
        self.connection.insert(connection).begin_with_options(options).await
    }

    /// A connection whose transaction went wrong is in an unknown state: it may be in a transaction, or in none.
    async fn replace_connection(&mut self, error: &DbErr) {
        tracing::error!(
            error = error as &dyn std::error::Error,
            db.file = %self.path.display(),
            "write transaction failed; its commands are undone"
        );
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed connection did not close");
        }
    }

    async fn finish(self) -> Result<(), DbErr> {
        let Some(connection) = self.connection else { return Ok(()) };
        let moved = connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
        connection.close().await.and(moved.map(drop))
    }
}

/// Runs `jobs` and commits, or ends early where the transaction is lost. Dropped, it is rolled back.
async fn run_all(
    tx: DatabaseTransaction,
    jobs: &mut VecDeque<Box<dyn Job>>,
    answers: &mut Vec<Answer>,
) -> Result<(), DbErr> {
    jobs.retain(|job| !job.is_abandoned());
    if jobs.len() == 1
        && let Some(job) = jobs.pop_front()
    {
        return run_alone(tx, job, answers).await;
    }
    while let Some(job) = jobs.pop_front() {
        if job.is_abandoned() {
            continue;
        }
        if let Err(error) = tx.execute_unprepared("SAVEPOINT command").await {
            job.refuse(store_error(error.clone()));
            return Err(error);
        }
        let Ran { keep, failure, answer } = job.run(&tx).await;
        answers.push(answer);
        let end = if keep { "RELEASE command" } else { "ROLLBACK TO command; RELEASE command" };
        // SQLite ends the whole transaction at some errors (a full disk, for one): then no savepoint is left, and what
        // failed the command is what failed everybody.
        tx.execute_unprepared(end).await.map_err(|error| failure.unwrap_or(error))?;
    }
    tx.commit().await
}

/// Runs a command that shares its transaction with nobody: what undoes the one undoes the other, and two statements less
/// are on their way to the connection's thread.
async fn run_alone(tx: DatabaseTransaction, job: Box<dyn Job>, answers: &mut Vec<Answer>) -> Result<(), DbErr> {
    let Ran { keep, failure, answer } = job.run(&tx).await;
    answers.push(answer);
    let ended = if keep { tx.commit().await } else { tx.rollback().await };
    ended.map_err(|error| failure.unwrap_or(error))
}
