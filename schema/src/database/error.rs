//! What a database's error means to whoever asked, told by its code, never by its text.

use std::io;

use portico_kernel::{Source, StoreError};
use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// SQLite's primary result codes (sqlite.org/rescode.html) that say "not now".
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NO_MEMORY: i32 = 7;
    pub(super) const READ_ONLY: i32 = 8;
    pub(super) const INTERRUPTED: i32 = 9;
    pub(super) const IO: i32 = 10;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANNOT_OPEN: i32 = 14;
    /// An extended code: the shared memory of the write-ahead log cannot grow, since the disk is full.
    pub(super) const IO_SHARED_MEMORY_SIZE: i32 = 0x0a | (19 << 8);
    /// Extended codes carry their primary code in the low byte.
    pub(super) const PRIMARY: i32 = 0xff;
}

/// A database's error as the domains know it.
pub(crate) fn store_error(error: DbErr) -> StoreError {
    meaning(&error)(error.into())
}

/// Which [`StoreError`] an error is; its cause may be told in other words.
pub(crate) fn meaning(error: &DbErr) -> fn(Source) -> StoreError {
    match error {
        DbErr::ConnectionAcquire(_) => StoreError::Unavailable,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(error),
        _ => StoreError::Broken,
    }
}

fn of_driver(error: &SqlxError) -> fn(Source) -> StoreError {
    match error {
        SqlxError::Io(error) if error.kind() == io::ErrorKind::StorageFull => StoreError::Full,
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => StoreError::Unavailable,
        SqlxError::Database(error) => {
            #[cfg(feature = "postgres")]
            if let Some(meaning) = crate::postgres::of_server(&**error) {
                return meaning;
            }
            error.code().and_then(|code| code.parse().ok()).map_or(StoreError::Broken, of_sqlite)
        }
        _ => StoreError::Broken,
    }
}

fn of_sqlite(code: i32) -> fn(Source) -> StoreError {
    match (code, code & code::PRIMARY) {
        (code::IO_SHARED_MEMORY_SIZE, _) | (_, code::FULL) => StoreError::Full,
        (
            _,
            code::BUSY
            | code::LOCKED
            | code::NO_MEMORY
            | code::READ_ONLY
            | code::INTERRUPTED
            | code::IO
            | code::CANNOT_OPEN,
        ) => StoreError::Unavailable,
        _ => StoreError::Broken,
    }
}
