//! Work of a database that several processes share and one of them is to do at a time.
//!
//! Invariant: by the database's clock, at most one process holds the lease of a work, and whoever has lost it can be fenced
//! off: each time it changes hands its token rises.

use std::time::{Duration, Instant};

use portico_kernel::StoreError;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, Statement};
use sea_orm_migration::SchemaManager;
use tokio::sync::Mutex;

use crate::database::{Database, Rollback, store_error};

/// A holder that does not renew it is followed by another after this, in seconds.
const TERM_S: i64 = 15;
/// A holder renews it when this much of the term has passed.
const RENEWED_AFTER: Duration = Duration::from_secs(5);
/// Whoever does not hold it asks for it this often.
const ASKED_AFTER: Duration = Duration::from_secs(1);

/// The lease of a work, as this process sees it.
pub(crate) struct Lease {
    /// The work.
    name: &'static str,
    /// What tells this node from others, the same at each of its starts: so it need not wait for its own former process.
    node: [u8; 32],
    standing: Mutex<Standing>,
}

/// What is known of the lease, and when it was asked for.
#[derive(Default)]
struct Standing {
    token: Option<i64>,
    /// Whether this process has ever held it.
    has_held: bool,
    asked: Option<Instant>,
}

/// How a lease changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// This process has it now, under this token.
    Taken(i64),
    /// Another has it now.
    Lost,
}

impl Lease {
    /// The lease of the work `name` for the node `node`.
    pub(crate) fn new(name: &'static str, node: [u8; 32]) -> Self {
        Self { name, node, standing: Mutex::default() }
    }

    /// Takes or renews it where it is time to; answers its token, or none while somebody else holds it. `told` is told when
    /// that changed.
    pub(crate) async fn hold(&self, database: &Database, told: fn(Change)) -> Result<Option<i64>, StoreError> {
        let mut standing = self.standing.lock().await;
        let good_for = if standing.token.is_some() { RENEWED_AFTER } else { ASKED_AFTER };
        if standing.asked.is_some_and(|asked| asked.elapsed() < good_for) {
            return Ok(standing.token);
        }
        let asked = Instant::now(); // before the database does, so that the term is never thought longer than it is
        let (name, node, own) = (self.name, self.node.to_vec(), standing.token);
        let is_new = !standing.has_held;
        let token = database.write(move |tx| Box::pin(take(tx, name, node, own, is_new))).await?;
        match (own, token) {
            (Some(_), None) => told(Change::Lost),
            (None, Some(token)) => told(Change::Taken(token)),
            _ => {}
        }
        *standing = Standing { token, has_held: standing.has_held || token.is_some(), asked: Some(asked) };
        Ok(token)
    }

    /// The token under which it is held.
    pub(crate) async fn token(&self) -> Option<i64> {
        self.standing.lock().await.token
    }

    /// Gives it up, so that another need not wait for its end.
    pub(crate) async fn release(&self, database: &Database) -> Result<(), StoreError> {
        let mut standing = self.standing.lock().await;
        let Some(token) = standing.token.take() else { return Ok(()) };
        standing.asked = None;
        let name = self.name;
        database.write(move |tx| Box::pin(end(tx, name, token))).await
    }

    /// Whether `token` is the latest, which it then stays until `tx` is committed.
    pub(crate) async fn fences(tx: &DatabaseTransaction, name: &str, token: i64) -> Result<bool, DbErr> {
        let query = "SELECT 1 FROM leases WHERE name = $1 AND token = $2 FOR SHARE";
        let held = tx.query_one_raw(statement(query, [name.into(), token.into()])).await?;
        Ok(held.is_some())
    }
}

/// Whether somebody holds the lease of any work of `database`, or did a moment ago and did not stop in order.
pub(crate) async fn is_held(database: &Database) -> Result<bool, StoreError> {
    if database.backend() != DbBackend::Postgres {
        return Ok(false);
    }
    let query = "SELECT 1 FROM leases WHERE expires_at > clock_timestamp()";
    let held = database.read().query_one_raw(Statement::from_string(DbBackend::Postgres, query)).await;
    Ok(held.map_err(store_error)?.is_some())
}

/// Makes the table: a step of a database's migrations. A SQLite database has one process by itself.
pub(crate) async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let table = "CREATE TABLE leases (name text PRIMARY KEY, node bytea NOT NULL, token bigint NOT NULL,
        expires_at timestamptz NOT NULL)";
    manager.get_connection().execute_unprepared(table).await.map(drop)
}

/// Renews the lease of `own`; or takes it, if it has ended, or if an earlier process of this node held it (`is_new`).
async fn take(
    tx: &DatabaseTransaction,
    name: &str,
    node: Vec<u8>,
    own: Option<i64>,
    is_new: bool,
) -> Result<Option<i64>, Rollback<Option<i64>>> {
    let query = "INSERT INTO leases AS held (name, node, token, expires_at)
        VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $5))
        ON CONFLICT (name) DO UPDATE SET node = excluded.node, expires_at = excluded.expires_at,
            token = held.token + CASE WHEN held.token = $3 THEN 0 ELSE 1 END
        WHERE held.token = $3 OR held.expires_at <= clock_timestamp() OR ($4 AND held.node = excluded.node)
        RETURNING token";
    // Tokens begin at 1.
    let values = [name.into(), node.into(), own.unwrap_or_default().into(), is_new.into(), TERM_S.into()];
    let row = tx.query_one_raw(statement(query, values)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

async fn end(tx: &DatabaseTransaction, name: &str, token: i64) -> Result<(), Rollback<()>> {
    let query = "UPDATE leases SET expires_at = clock_timestamp() WHERE name = $1 AND token = $2";
    tx.execute_raw(statement(query, [name.into(), token.into()])).await?;
    Ok(())
}

fn statement(query: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, query, values)
}
