//! Makes the tables, in one transaction, and in no database but Portico's own.
//!
//! Invariant: of nodes that start together one migrates, and the others find it done.

use portico_kernel::StoreError;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait;

use crate::{database::Rollback, sqlite::Kind};

/// Says which database of Portico's it is: what a file has in its header.
const MARK: &str = "portico_database";
/// The lock that is migrated under, `Portico` in ASCII.
const LOCK: i64 = 0x50_6f72_7469_636f;

/// Why a database cannot be the one that it is opened as.
#[derive(Debug, thiserror::Error)]
enum NotOurs {
    #[error("this database holds Portico's {found}, not its {wanted}")]
    Other { found: String, wanted: &'static str },
    #[error("this database holds tables that are not Portico's; give it one of its own")]
    Foreign,
}

pub(super) async fn run<M: MigratorTrait>(tx: &DatabaseTransaction, kind: Kind) -> Result<(), Rollback<()>> {
    // A migration takes the time that it takes, and so does that of another node.
    tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
    tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    let is_marked = identify(tx, kind).await?;
    M::up(tx, None).await?;
    if !is_marked {
        let name = kind.name();
        tx.execute_unprepared(&format!(
            "CREATE TABLE {MARK} (kind text NOT NULL); INSERT INTO {MARK} VALUES ('{name}')"
        ))
        .await?;
    }
    Ok(())
}

/// Whether it says that it is of this kind; an empty one says nothing. All others are refused.
async fn identify(tx: &DatabaseTransaction, kind: Kind) -> Result<bool, Rollback<()>> {
    let broken = |error: NotOurs| Rollback::Refused(StoreError::Broken(error.into()));
    let tables =
        "SELECT count(*), count(*) FILTER (WHERE tablename = $1) FROM pg_tables WHERE schemaname = current_schema()";
    let row = tx.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, tables, [MARK.into()])).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("a count".to_owned()))?;
    match (row.try_get_by_index::<i64>(0)?, row.try_get_by_index::<i64>(1)?) {
        (0, _) => return Ok(false),
        (_, 0) => return Err(broken(NotOurs::Foreign)),
        _ => {}
    }
    let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, format!("SELECT kind FROM {MARK}"))).await?;
    let found = row.map(|row| row.try_get_by_index::<String>(0)).transpose()?.unwrap_or_default();
    if found == kind.name() { Ok(true) } else { Err(broken(NotOurs::Other { found, wanted: kind.name() })) }
}
