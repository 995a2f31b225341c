//! The order in which events leave the outbox.
//!
//! Invariant: positions rise as commits do, and none is ever given below one that was read. SQLite's one writer gives
//! them out as it inserts. In PostgreSQL what was inserted first may be committed last, and whoever reads on from a
//! position would never see it: so there an event has no position until it is seen to be committed, and gets one then,
//! from one reader at a time. Of two changes to one account the later is begun after the earlier was committed, so that
//! their order is that of their arrival.

use portico_kernel::StoreError;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};
use sea_orm_migration::SchemaManager;

use crate::database::{Database, Rollback, store_error};

/// The lock that positions are given out under, `PrtOrder` in ASCII.
const LOCK: i64 = 0x5072_744f_7264_6572;

/// Takes positions from PostgreSQL's inserts: a step of the user database's migrations. SQLite stays as it is.
pub(super) async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let statements = "ALTER TABLE outbox RENAME COLUMN position TO arrival;
        ALTER TABLE outbox ADD COLUMN position bigint UNIQUE;
        CREATE INDEX outbox_without_position ON outbox (arrival) WHERE position IS NULL;
        CREATE SEQUENCE outbox_positions OWNED BY outbox.position";
    manager.get_connection().execute_unprepared(statements).await.map(drop)
}

/// Gives a position to every event that was committed and has none.
pub(super) async fn give(database: &Database) -> Result<(), StoreError> {
    if database.backend() != DbBackend::Postgres || !are_missing(database.read()).await.map_err(store_error)? {
        return Ok(());
    }
    database.write(|tx| Box::pin(give_out(tx))).await
}

async fn are_missing(on: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let query = "SELECT 1 FROM outbox WHERE position IS NULL LIMIT 1";
    let found = on.query_one_raw(Statement::from_string(DbBackend::Postgres, query)).await?;
    Ok(found.is_some())
}

async fn give_out(tx: &DatabaseTransaction) -> Result<(), Rollback<()>> {
    // A statement of its own: the next one then sees whatever was committed before the lock was had.
    tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    let numbered = "WITH arrived AS MATERIALIZED (SELECT arrival FROM outbox WHERE position IS NULL ORDER BY arrival),
        given AS MATERIALIZED (SELECT arrival, nextval('outbox_positions') AS position FROM arrived)
        UPDATE outbox SET position = given.position FROM given WHERE outbox.arrival = given.arrival";
    tx.execute_unprepared(numbered).await?;
    Ok(())
}
