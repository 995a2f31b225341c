//! The way to the server: one connection at a time, for everything. When it is lost another takes its place, and until then
//! whoever asks hears at once that there is none.
//!
//! Invariant: nothing is asked twice. Whoever listens hears that contact was lost after the lost connection has been taken
//! away, so that no reading begins on it later, and before the next one is there.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fred::error::Error;
use portico_kernel::StoreError;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Ears, Settings, Unopened,
    error::{unconfirmed, unread},
    life::{Connection, Life},
};

/// The wait before a lost connection is made again, and between two tries.
const RETRY: Duration = Duration::from_millis(250);

/// The way to a server.
pub(super) struct Link {
    current: Current,
    returned: Arc<Notify>,
    keeper: AbortOnDropHandle<()>,
}

/// The connection that there is.
type Current = Arc<Mutex<Option<Connection>>>;

impl Link {
    /// Connects, and keeps connected until this is dropped.
    pub(super) async fn open(settings: &Settings, ears: Ears) -> Result<Self, Unopened> {
        let first = Life::begin(settings, ears.listen()).await?;
        Ok(Self::keep(Some(first), settings, ears))
    }

    /// The same, but does without a connection until there is one, unless there never will be.
    pub(super) async fn open_or_later(settings: &Settings, ears: Ears) -> Result<Self, Unopened> {
        let first = match Life::begin(settings, ears.listen()).await {
            Ok(life) => Some(life),
            Err(refused) if refused.passes => {
                tracing::warn!(reason = %refused, "no connection to Redis yet");
                None
            }
            Err(refused) => return Err(refused),
        };
        Ok(Self::keep(first, settings, ears))
    }

    fn keep(first: Option<Life>, settings: &Settings, ears: Ears) -> Self {
        let current = Current::new(Mutex::new(first.as_ref().map(|life| life.connection.clone())));
        let returned = Arc::<Notify>::default();
        let keeper = keep(first, settings.clone(), ears, Arc::clone(&current), Arc::clone(&returned));
        Self { current, returned, keeper: AbortOnDropHandle::new(tokio::spawn(keeper)) }
    }

    /// Wakes one who waits for it each time that a connection is there again.
    pub(super) fn returned(&self) -> Arc<Notify> {
        Arc::clone(&self.returned)
    }

    /// For how long the connection has been there; none while there is none.
    pub(super) fn age(&self) -> Option<Duration> {
        lock(&self.current).as_ref().map(|connection| Instant::now().saturating_duration_since(connection.since))
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
        let Connection { client, lost, .. } =
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

async fn keep(first: Option<Life>, settings: Settings, ears: Ears, current: Current, returned: Arc<Notify>) {
    let mut given = first;
    loop {
        let mut life = match given.take() {
            Some(life) => life,
            None => again(&settings, &ears, &current, &returned).await,
        };
        let reason = life.live(&ears).await;
        *lock(&current) = None;
        life.connection.lost.cancel();
        drop(life);
        ears.lost();
        tracing::warn!(reason = %reason, "connection to Redis lost; what needs it is refused until it is back");
    }
}

async fn again(settings: &Settings, ears: &Ears, current: &Current, returned: &Notify) -> Life {
    let life = next(settings, ears.listen()).await;
    *lock(current) = Some(life.connection.clone());
    returned.notify_one();
    tracing::info!("connection to Redis is back");
    life
}

/// The next connection, however long it takes. Why there is none is logged each time that it is for another reason.
async fn next(settings: &Settings, is_tracked: bool) -> Life {
    let mut known = String::new();
    loop {
        tokio::time::sleep(RETRY).await;
        match Life::begin(settings, is_tracked).await {
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
