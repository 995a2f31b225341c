//! The way to the server: one connection at a time, for everything. When it is lost another takes its place, and until then
//! whoever asks hears at once that there is none.
//!
//! Invariant: nothing is asked twice. A watch hears that contact was lost after the lost connection has been taken away, so
//! that no reading begins on it later, and before the next one is there.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fred::error::Error;
use portico_kernel::StoreError;
use portico_session::Watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Settings, Unopened,
    error::{unconfirmed, unread},
    life::{Connection, Life},
};

/// The wait before a lost connection is made again, and between two tries.
const RETRY: Duration = Duration::from_millis(250);

/// The way to a server.
pub(super) struct Link {
    current: Current,
    keeper: AbortOnDropHandle<()>,
}

/// The connection that there is.
type Current = Arc<Mutex<Option<Connection>>>;

impl Link {
    /// Connects, and keeps connected until this is dropped.
    pub(super) async fn open(settings: &Settings, watch: Option<Watch>) -> Result<Self, Unopened> {
        let first = Life::begin(settings, watch.is_some()).await?;
        let current = Current::new(Mutex::new(Some(first.connection.clone())));
        let keeper = keep(first, settings.clone(), watch, Arc::clone(&current));
        Ok(Self { current, keeper: AbortOnDropHandle::new(tokio::spawn(keeper)) })
    }

    /// Asks what changes nothing.
    pub(super) async fn read<T, F>(&self, work: impl FnOnce(fred::clients::Client) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.ask(work).await?.map_err(unread)
    }

    /// Asks for a change.
    pub(super) async fn write<T, F>(&self, work: impl FnOnce(fred::clients::Client) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.ask(work).await?.map_err(unconfirmed)
    }

    /// # Errors
    /// `Unavailable` where nothing was asked.
    async fn ask<T, F>(&self, work: impl FnOnce(fred::clients::Client) -> F) -> Result<Result<T, Error>, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let connection = lock(&self.current).clone();
        let Connection { client, lost } =
            connection.ok_or_else(|| StoreError::Unavailable("there is no connection to the server".into()))?;
        // The driver would not answer what it was asked after the connection's end.
        let answer = lost.run_until_cancelled(work(client)).await;
        Ok(answer.unwrap_or_else(|| Err(Error::new_canceled())))
    }

    /// Ends the connection; what is asked later is refused.
    pub(super) fn close(&self) {
        self.keeper.abort();
        if let Some(connection) = lock(&self.current).take() {
            connection.lost.cancel();
        }
    }
}

async fn keep(first: Life, settings: Settings, watch: Option<Watch>, current: Current) {
    let mut life = first;
    loop {
        let reason = life.live(watch.as_ref()).await;
        *lock(&current) = None;
        life.connection.lost.cancel();
        drop(life);
        watch.iter().for_each(Watch::lost);
        tracing::warn!(reason = %reason, "connection to Redis lost; sessions are refused until it is back");
        life = next(&settings, watch.is_some()).await;
        *lock(&current) = Some(life.connection.clone());
        tracing::info!("connection to Redis is back");
    }
}

/// The next connection, however long it takes. Why there is none is logged each time that it is for another reason.
async fn next(settings: &Settings, is_watched: bool) -> Life {
    let mut known = String::new();
    loop {
        tokio::time::sleep(RETRY).await;
        match Life::begin(settings, is_watched).await {
            Ok(life) => return life,
            Err(refused) if refused.detail != known => {
                tracing::warn!(reason = %refused, "no connection to Redis yet");
                known = refused.detail;
            }
            Err(_known) => {}
        }
    }
}

/// What is behind the lock is whole between any two statements.
fn lock(current: &Current) -> MutexGuard<'_, Option<Connection>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}
