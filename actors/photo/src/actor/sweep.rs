//! Deletes content that is due on the work list, until nothing is left.
//!
//! Invariant: content is deleted only while no upload can take it over, and its entry leaves the list only after both
//! renditions are gone, durably. A failure puts it off, ever longer. Of several processes one sweeps at a time: two would do no
//! harm, and the work twice.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use portico_kernel::{IDEMPOTENCY_KEPT, StoreError};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, MissedTickBehavior},
};

use super::Parts;
use crate::{ContentKey, ContentWork, Error, Rendition};

/// How often the list is looked at when nobody wakes the sweeper: for what was put off.
const INTERVAL: Duration = Duration::from_secs(15);
/// How often idempotency keys and inbox entries are purged.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);
/// How long an applied event is remembered: longer than any broker redelivers. Versions protect even after it.
const INBOX_KEPT: Duration = Duration::from_hours(7 * 24);
/// Entries that are read at a time.
const BATCH: u32 = 100;
/// Batches of one sweep: a deleted owner's thousand photos, and some.
const BATCHES_MAX: usize = 20;
/// Entries that are worked on at the same time.
const CONCURRENT: usize = 4;
/// A deletion that failed is repeated after this,
const BACKOFF_MIN: Duration = Duration::from_secs(5);
/// then after twice as long each time, up to this.
const BACKOFF_MAX: Duration = Duration::from_hours(1);

/// Deletes what is due.
pub(super) struct Sweeper {
    parts: Arc<Parts>,
    woken: Notify,
    turn: Semaphore,
}

impl Sweeper {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        Self { parts, woken: Notify::new(), turn: Semaphore::new(1) }
    }

    /// Says that something may be due.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Sweeps when woken and every now and then, for ever.
    pub(super) async fn run(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut purged = None;
        loop {
            tokio::select! {
                () = self.woken.notified() => {}
                _ = ticks.tick() => {}
            }
            match self.sweep().await {
                Ok(0) => {}
                Ok(_) => self.wake(), // more than one sweep's worth
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "content is not swept for now"),
            }
            if purged.is_none_or(|at: Instant| at.elapsed() >= PURGE_INTERVAL) {
                self.purge().await;
                purged = Some(Instant::now());
            }
        }
    }

    /// Deletes what is due, unless another process does; answers how many entries are due still.
    pub(super) async fn sweep(&self) -> Result<u64, Error> {
        let _turn = self.turn.acquire().await.expect("the semaphore is never closed");
        let swept = self.sweep_batches().await;
        let ended = self.parts.store.end_turn().await;
        let left = swept?;
        ended?;
        Ok(left)
    }

    async fn sweep_batches(&self) -> Result<u64, Error> {
        for _ in 0..BATCHES_MAX {
            let due = self.due().await?;
            if due.is_empty() || !self.parts.store.take_turn().await? {
                return Ok(0);
            }
            stream::iter(due).map(Ok).try_for_each_concurrent(CONCURRENT, |work| self.delete(work)).await?;
        }
        Ok(self.due().await?.len() as u64)
    }

    async fn due(&self) -> Result<Vec<ContentWork>, StoreError> {
        self.parts.store.due(self.parts.clock.now(), BATCH).await
    }

    /// Deletes the content of an entry. It is put off first, as if it had failed: that takes it from the upload that may
    /// have reserved it, however the clock ran meanwhile, or finds that the upload was faster.
    async fn delete(&self, work: ContentWork) -> Result<(), StoreError> {
        let again = self.parts.clock.now() + backoff(work.attempts);
        if !self.parts.store.postpone(work.photo, again).await? {
            return Ok(());
        }
        match self.delete_renditions(&work).await {
            Ok(()) => self.parts.store.done(work.photo).await,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, photo.id = %work.photo, attempts = work.attempts, "content is not deleted yet");
                Ok(())
            }
        }
    }

    async fn delete_renditions(&self, work: &ContentWork) -> Result<(), StoreError> {
        for rendition in Rendition::ALL {
            self.parts.content.delete(ContentKey { owner: work.owner, photo: work.photo, rendition }).await?;
        }
        Ok(())
    }

    async fn purge(&self) {
        let now = self.parts.clock.now();
        if let Err(error) = self.parts.store.purge(now - IDEMPOTENCY_KEPT, now - INBOX_KEPT).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old keys are not purged for now");
        }
    }
}

/// How long a deletion that failed `attempts` times before is put off.
fn backoff(attempts: u32) -> Duration {
    BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(attempts)).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_deletion_is_put_off_twice_as_long_each_time_up_to_an_hour() {
        let waits = [0, 1, 2, 9, 10, u32::MAX].map(|attempts| backoff(attempts).as_secs());

        assert_eq!(waits, [5, 10, 20, 2560, 3600, 3600]);
    }
}
