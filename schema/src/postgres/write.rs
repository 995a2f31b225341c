//! Runs a command in a transaction of its own.
//!
//! Invariant: only what is known to have left nothing behind is run again: a transaction that lost to another, and one
//! whose connection was lost before it began. Once COMMIT was sent, an answer that does not come is `Uncertain`.

use std::time::Duration;

use portico_kernel::StoreError;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait as _};
use tokio::time::{sleep, timeout};

use super::{
    error::{denies_commit, is_lost, is_lost_to_others, is_silence},
    turns::{Turn, Turns},
};
use crate::database::{Rollback, Work, store_error};

/// How often a command is run at the most.
const ATTEMPTS_MAX: u32 = 5;
/// The least wait before the second time; it doubles, and up to as much again is added by lot.
const BACKOFF_MS: u64 = 5;

/// Why an attempt came to nothing.
enum Failed {
    /// It left nothing behind, and may succeed if it is made again.
    Passing(DbErr),
    /// It must not, or need not, be made again.
    Finally(StoreError),
}

pub(super) async fn run<T, F>(
    pool: &DatabaseConnection,
    turns: &Turns,
    bound: Duration,
    command: F,
) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Clone + Send + 'static,
{
    let mut attempts = 1;
    loop {
        match attempt(pool, turns, bound, command.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(Failed::Passing(error)) if attempts == ATTEMPTS_MAX => return Err(store_error(error)),
            Err(Failed::Passing(_)) => {}
            Err(Failed::Finally(error)) => return Err(error),
        }
        let wait_ms = BACKOFF_MS << attempts;
        sleep(Duration::from_millis(fastrand::u64(wait_ms..wait_ms * 2))).await;
        attempts += 1;
    }
}

async fn attempt<T, F>(pool: &DatabaseConnection, turns: &Turns, bound: Duration, command: F) -> Result<T, Failed>
where
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T>,
{
    let (_turn, tx) = begin(pool, turns, bound).await?;
    // A transaction that is dropped is rolled back, and so is one whose connection is lost.
    match within(bound, command(&tx)).await {
        None => Err(late()),
        Some(Ok(answer)) => commit(tx, bound).await.map(|()| answer),
        Some(Err(Rollback::Answer(answer))) => Ok(answer),
        Some(Err(Rollback::Refused(error))) => Err(Failed::Finally(error)),
        Some(Err(Rollback::Failed(error))) if is_lost_to_others(&error) => Err(Failed::Passing(error)),
        Some(Err(Rollback::Failed(error))) => Err(Failed::Finally(store_error(error))),
    }
}

async fn begin<'a>(
    pool: &DatabaseConnection,
    turns: &'a Turns,
    bound: Duration,
) -> Result<(Turn<'a>, DatabaseTransaction), Failed> {
    let turn = turns.take().await.map_err(|error| Failed::Finally(store_error(error)))?;
    match within(bound, pool.begin()).await {
        Some(Ok(tx)) => {
            turn.reached();
            Ok((turn, tx))
        }
        Some(Err(error)) => {
            if is_silence(&error) {
                turn.missed();
            }
            Err(if is_lost(&error) { Failed::Passing(error) } else { Failed::Finally(store_error(error)) })
        }
        None => {
            turn.missed();
            Err(late())
        }
    }
}

async fn commit(tx: DatabaseTransaction, bound: Duration) -> Result<(), Failed> {
    match within(bound, tx.commit()).await {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) if is_lost_to_others(&error) => Err(Failed::Passing(error)),
        Some(Err(error)) if denies_commit(&error) => Err(Failed::Finally(store_error(error))),
        Some(Err(error)) => Err(Failed::Finally(StoreError::Uncertain(error.into()))),
        None => Err(Failed::Finally(StoreError::Uncertain("no answer to a commit in time".into()))),
    }
}

fn late() -> Failed {
    Failed::Finally(StoreError::Unavailable("no answer of the server in time".into()))
}

async fn within<T>(bound: Duration, work: impl Future<Output = T>) -> Option<T> {
    timeout(bound, work).await.ok()
}
