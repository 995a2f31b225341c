//! How SQLite is opened: a write-ahead log that is synced at every commit, one connection that writes, a few that read.
//!
//! Invariant: a file that is not ours is refused before anything of it is changed. What was committed has reached the
//! disk (`synchronous=FULL`). Statements are never logged: they carry personal data.

mod job;
#[cfg(test)]
mod tests;
mod writer;

use std::{path::Path, time::Duration};

use portico_kernel::StoreError;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, SqlxError, SqlxSqliteConnector,
    sqlx::{
        self, ConnectOptions as _, Connection as _,
        sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};

pub(crate) use self::writer::Writer;
use crate::database::meaning;

/// How long a connection waits for another process that holds the database (a backup, an operator's shell).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for one of the readers.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many connections read at the same time; each has a thread of its own.
const READERS_MAX: u32 = 4;
/// The memory that the connection which writes caches pages in, in KiB: what a group of commands changes has room in it.
const WRITER_CACHE_KIB: u32 = 8 * 1024;
/// The same of one that reads: the inner pages of its indexes. The rest is the system's to cache, which all connections
/// share. `mmap` is left off: with it a disk that fails ends the process by a signal instead of failing a query.
const READER_CACHE_KIB: u32 = 2 * 1024;
/// The log is moved into the database when it has grown to this many pages (of 4 KiB).
const CHECKPOINT_PAGES: u32 = 2_000;
/// A log that grew beyond this many bytes while it could not be moved is cut back to it.
const JOURNAL_SIZE_LIMIT: u32 = 64 * 1024 * 1024;

/// What a database file holds, kept in its header (`application_id`), so that one is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Accounts and the outbox.
    Users,
    /// Sessions and epochs.
    Sessions,
    /// Photos, their owners and the work list.
    Photos,
}

impl Kind {
    /// What it is called where a word serves better than a number.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::Photos => "photos",
        }
    }

    const fn application_id(self) -> i32 {
        i32::from_be_bytes(match self {
            Self::Users => *b"PrtU",
            Self::Sessions => *b"PrtS",
            Self::Photos => *b"PrtP",
        })
    }
}

/// Why a file cannot be the database that it is opened as.
#[derive(Debug, thiserror::Error)]
enum NotOurs {
    #[error("{path} cannot be opened as a database")]
    Unreadable { path: String, source: DbErr },
    #[error("{path} is not the database of Portico's {wanted:?}; move it away, or name another data directory")]
    Foreign { path: String, wanted: Kind },
}

/// Refuses a file that is damaged, or is a database of another kind or program. No file is as good as an empty one.
pub(crate) async fn identify(path: &Path, wanted: Kind) -> Result<(), StoreError> {
    // A file that cannot even be looked at is reported by whoever opens it.
    if tokio::fs::metadata(path).await.map_or(0, |file| file.len()) == 0 {
        return Ok(());
    }
    let (id, tables) = header(path).await.map_err(|error| unreadable(path, DbErr::Conn(error)))?;
    if id == wanted.application_id() || (id == 0 && tables == 0) {
        Ok(())
    } else {
        Err(StoreError::Broken(NotOurs::Foreign { path: path.display().to_string(), wanted }.into()))
    }
}

/// The application id of a file and how many tables, indexes and the like it has.
async fn header(path: &Path) -> Result<(i32, i64), RuntimeErr> {
    // Nothing that writes: not even the journal mode is set before we know that the file is ours.
    let mut connection = quiet(path).connect().await.map_err(driver_error)?;
    let found = read_header(&mut connection).await;
    connection.close().await.map_err(driver_error)?;
    found.map_err(driver_error)
}

async fn read_header(connection: &mut SqliteConnection) -> Result<(i32, i64), SqlxError> {
    let id = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let tables = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_schema").fetch_one(connection).await?;
    Ok((id, tables))
}

/// Writes down, within the migrations' transaction, what the file holds.
pub(crate) async fn mark(tx: &DatabaseTransaction, kind: Kind) -> Result<(), DbErr> {
    let id = kind.application_id();
    tx.execute_unprepared(&format!("PRAGMA application_id = {id}")).await.map(drop)
}

/// The connections that read. They are opened when they are needed, and can change nothing.
pub(crate) fn readers(path: &Path) -> DatabaseConnection {
    let options = quiet(path).pragma("query_only", "ON").pragma("cache_size", format!("-{READER_CACHE_KIB}"));
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
}

/// The one connection that writes. It is never closed for its age or for being idle.
async fn writing(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let options = quiet(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What was deleted is overwritten with zeros: a deleted account stays in no free page.
        .pragma("secure_delete", "ON")
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT.to_string());
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| DbErr::Conn(driver_error(error)))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

fn quiet(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

fn driver_error(error: SqlxError) -> RuntimeErr {
    RuntimeErr::SqlxError(error.into())
}

fn unreadable(path: &Path, source: DbErr) -> StoreError {
    meaning(&source)(NotOurs::Unreadable { path: path.display().to_string(), source }.into())
}
