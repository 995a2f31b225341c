//! One process at a time carries the events of a database that several share.
//!
//! Invariant: by the database's clock, at most one process holds the lease; events are given to its holder alone, and whoever
//! has lost it takes none of them out any more (each time it changes hands its token rises, which fences the former holder
//! off). Without it there would still be no wrong result, since events are applied by version: but everything would be
//! published as often as there are nodes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use portico_kernel::{Event, Outbox, StoreError};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, Statement};
use sea_orm_migration::SchemaManager;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Users, outbox};
use crate::database::Rollback;

/// A holder that does not renew it is followed by another after this, in seconds.
const TERM_S: i64 = 15;
/// A holder renews it when this much of the term has passed.
const RENEWED_AFTER: Duration = Duration::from_secs(5);
/// Whoever does not hold it asks for it this often.
const ASKED_AFTER: Duration = Duration::from_secs(1);

/// The outbox of a database, as far as this process is the one to carry its events: to all others it is empty.
pub struct Leased {
    users: Arc<Users>,
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

impl Leased {
    /// The outbox of `users` for the node `node`.
    pub fn new(users: Arc<Users>, node: [u8; 32]) -> Self {
        Self { users, node, standing: Mutex::default() }
    }

    /// Gives the lease up, so that another need not wait for its end.
    pub async fn release(&self) -> Result<(), StoreError> {
        let Some(token) = self.standing.lock().await.token.take() else { return Ok(()) };
        self.users.database.write(move |tx| Box::pin(end(tx, token))).await
    }

    /// Takes or renews the lease where it is time to; answers its token, or none while somebody else holds it.
    async fn hold(&self) -> Result<Option<i64>, StoreError> {
        let mut standing = self.standing.lock().await;
        let good_for = if standing.token.is_some() { RENEWED_AFTER } else { ASKED_AFTER };
        if standing.asked.is_some_and(|asked| asked.elapsed() < good_for) {
            return Ok(standing.token);
        }
        let asked = Instant::now(); // before the database does, so that the term is never thought longer than it is
        let (node, own) = (self.node.to_vec(), standing.token);
        let is_new = !standing.has_held;
        let token = self.users.database.write(move |tx| Box::pin(take(tx, node, own, is_new))).await?;
        match (own, token) {
            (Some(_), None) => tracing::warn!("another node carries the events now"),
            (None, Some(token)) => tracing::info!(token, "this node carries the events now"),
            _ => {}
        }
        *standing = Standing { token, has_held: standing.has_held || token.is_some(), asked: Some(asked) };
        Ok(token)
    }

    /// The token of a lease that is held.
    async fn token(&self) -> Result<i64, StoreError> {
        self.standing.lock().await.token.ok_or_else(lost)
    }
}

#[async_trait]
impl Outbox for Leased {
    async fn after(&self, position: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        match self.hold().await? {
            Some(_) => self.users.after(position, limit).await,
            None => Ok(Vec::new()),
        }
    }

    async fn forget(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        let (token, ids) = (self.token().await?, ids.to_vec());
        let forgotten = self.users.database.write(move |tx| {
            Box::pin(async move {
                fence(tx, token).await?;
                outbox::forget(tx, ids).await
            })
        });
        forgotten.await
    }

    async fn set_aside(&self, id: Uuid, reason: &str) -> Result<(), StoreError> {
        let (token, reason) = (self.token().await?, reason.to_owned());
        let set_aside = self.users.database.write(move |tx| {
            Box::pin(async move {
                fence(tx, token).await?;
                outbox::move_aside(tx, id, reason).await
            })
        });
        set_aside.await
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        self.users.depth().await
    }

    async fn committed(&self) {
        self.users.committed().await;
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable("another node carries the events now".into())
}

/// Makes the table: a step of the user database's migrations. A SQLite database has one process by itself.
pub(super) async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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
    node: Vec<u8>,
    own: Option<i64>,
    is_new: bool,
) -> Result<Option<i64>, Rollback<Option<i64>>> {
    let query = "INSERT INTO leases AS held (name, node, token, expires_at)
        VALUES ('outbox', $1, 1, clock_timestamp() + make_interval(secs => $4))
        ON CONFLICT (name) DO UPDATE SET node = excluded.node, expires_at = excluded.expires_at,
            token = held.token + CASE WHEN held.token = $2 THEN 0 ELSE 1 END
        WHERE held.token = $2 OR held.expires_at <= clock_timestamp() OR ($3 AND held.node = excluded.node)
        RETURNING token";
    // Tokens begin at 1.
    let values = [node.into(), own.unwrap_or_default().into(), is_new.into(), TERM_S.into()];
    let row = tx.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, query, values)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

async fn end(tx: &DatabaseTransaction, token: i64) -> Result<(), Rollback<()>> {
    let statement = "UPDATE leases SET expires_at = clock_timestamp() WHERE name = 'outbox' AND token = $1";
    tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, statement, [token.into()])).await?;
    Ok(())
}

/// Refuses a transaction of whoever has lost the lease, and keeps the lease from changing hands before it is committed.
async fn fence(tx: &DatabaseTransaction, token: i64) -> Result<(), Rollback<()>> {
    let query = "SELECT 1 FROM leases WHERE name = 'outbox' AND token = $1 FOR SHARE";
    let held = tx.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, query, [token.into()])).await?;
    held.map(drop).ok_or_else(|| Rollback::Refused(lost()))
}
