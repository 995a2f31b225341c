//! What an error of the server means, told by its SQLSTATE (PostgreSQL, appendix A), never by its text.

use portico_kernel::{Source, StoreError};
use sea_orm::{
    DbErr, RuntimeErr, SqlxError,
    sqlx::{error::DatabaseError, postgres::PgDatabaseError},
};

/// Which [`StoreError`] an error is; none if no PostgreSQL told it. None of these keeps anything of its transaction.
pub(crate) fn of_server(error: &dyn DatabaseError) -> Option<fn(Source) -> StoreError> {
    error.try_downcast_ref::<PgDatabaseError>().map(|error| meaning(error.code()))
}

fn meaning(state: &str) -> fn(Source) -> StoreError {
    match state {
        "53100" => StoreError::Full,
        // Cancelled, shut down or not up yet; no lock in time; idle for too long; read only, as a standby is; lost to
        // others too often to go on.
        "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "55P03" | "25P03" | "25006" | "40001" | "40P01" => {
            StoreError::Unavailable
        }
        // No connection; no memory or connection to be had.
        _ if state.starts_with("08") || state.starts_with("53") => StoreError::Unavailable,
        _ => StoreError::Broken,
    }
}

/// Whether a transaction failed for what others did at the same time, so that the same again may succeed.
pub(super) fn is_lost_to_others(error: &DbErr) -> bool {
    matches!(told(error), Some("40001" | "40P01"))
}

/// Whether the connection was lost, so that nobody knows what the server did last.
pub(super) fn is_lost(error: &DbErr) -> bool {
    matches!(driver(error), Some(SqlxError::Io(_))) || matches!(told(error), Some("57P01" | "57P02"))
}

/// Whether an error says that the server did not answer, rather than what it answered.
pub(crate) fn is_silence(error: &DbErr) -> bool {
    matches!(error, DbErr::ConnectionAcquire(_)) || matches!(driver(error), Some(SqlxError::Io(_) | SqlxError::Tls(_)))
}

/// Whether an error of COMMIT says that nothing was kept: a constraint that is checked there, or a rollback. After any
/// other the transaction may have been committed.
pub(super) fn denies_commit(error: &DbErr) -> bool {
    told(error).is_some_and(|state| state.starts_with("23") || (state.starts_with("40") && state != "40003"))
}

/// The SQLSTATE that the server told.
fn told(error: &DbErr) -> Option<&str> {
    match driver(error)? {
        SqlxError::Database(error) => Some(state(&**error)),
        _ => None,
    }
}

/// The SQLSTATE of an error, empty if it is no server's.
pub(super) fn state(error: &dyn DatabaseError) -> &str {
    error.try_downcast_ref::<PgDatabaseError>().map_or("", PgDatabaseError::code)
}

fn driver(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use portico_kernel::Blame as _;

    use super::*;

    #[test]
    fn a_disk_that_is_full_is_told_from_a_server_that_is_short_of_something_else_and_from_a_bug() {
        for (state, code) in [
            ("53100", "storage_full"), // disk_full
            ("53200", "unavailable"),  // out_of_memory
            ("53300", "unavailable"),  // too_many_connections
            ("57P03", "unavailable"),  // cannot_connect_now
            ("25006", "unavailable"),  // read_only_sql_transaction
            ("08006", "unavailable"),  // connection_failure
            ("42P01", "internal"),     // undefined_table
            ("23505", "internal"),     // unique_violation, where nobody expects one
        ] {
            assert_eq!(meaning(state)("the test said so".into()).code(), code, "{state}");
        }
    }
}
