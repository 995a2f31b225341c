//! The memory that all pictures share while they are processed.
//!
//! Invariant: reservations never exceed the budget together. They are served in order, so that a large picture is not
//! starved by small ones. One that could not be served in time, going by how long others hold theirs, is refused at once:
//! it would only wait to be given up.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use portico_kernel::Deadline;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::Error;

/// What one permit stands for, in bytes: a semaphore counts in 32 bits.
const UNIT_BYTES: u64 = 1024;

/// How long a reservation is taken to be held before any was.
const HELD_AT_FIRST: Duration = Duration::from_secs(1);

/// A memory budget. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
    total: u32,
    queue: Arc<Queue>,
}

/// What is known of those who wait.
#[derive(Debug)]
struct Queue {
    /// What they wait for, in units.
    units: AtomicU64,
    /// How long a reservation is held, as things go; a large one tells more than a small one.
    held: Mutex<Duration>,
}

/// Memory that is reserved until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    _permit: OwnedSemaphorePermit,
    since: Instant,
    share: f64,
    queue: Arc<Queue>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut held = self.queue.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.mul_f64(1.0 - self.share) + self.since.elapsed().mul_f64(self.share);
    }
}

/// A place in the queue, until this is dropped.
struct Waiting<'a>(&'a Queue, u32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.units.fetch_sub(self.1.into(), Ordering::Relaxed);
    }
}

impl Budget {
    /// A budget of `bytes`, rounded down to a kibibyte.
    pub fn new(bytes: u64) -> Self {
        // The semaphore's own bound is lower than 32 bits on small machines only.
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let total = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX).min(most);
        let queue = Queue { units: AtomicU64::new(0), held: Mutex::new(HELD_AT_FIRST) };
        let units = Arc::new(Semaphore::new(usize::try_from(total).unwrap_or(usize::MAX)));
        Self { units, total, queue: Arc::new(queue) }
    }

    /// The whole of it, in bytes.
    pub fn total_bytes(&self) -> u64 {
        u64::from(self.total) * UNIT_BYTES
    }

    /// What is not reserved at the moment, in bytes.
    pub fn free_bytes(&self) -> u64 {
        self.units.available_permits() as u64 * UNIT_BYTES
    }

    /// Reserves `bytes`, waiting until `deadline`; more than the whole budget is never granted.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if it is not granted in time, or is not to be expected so.
    pub(super) async fn reserve(&self, bytes: u64, deadline: Deadline) -> Result<Reservation, Error> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).map_err(|_| Error::Overloaded)?;
        if units > self.total {
            return Err(Error::Overloaded);
        }
        if let Ok(permit) = Arc::clone(&self.units).try_acquire_many_owned(units) {
            return Ok(self.reservation(permit, units));
        }
        let waiting = self.wait_for(units);
        if self.expected_wait() > deadline.remaining() {
            return Err(Error::Overloaded);
        }
        let granted = Arc::clone(&self.units).acquire_many_owned(units);
        let permit = tokio::time::timeout_at(deadline.instant(), granted).await.map_err(|_| Error::Overloaded)?;
        drop(waiting);
        Ok(self.reservation(permit.expect("the semaphore is never closed"), units))
    }

    fn wait_for(&self, units: u32) -> Waiting<'_> {
        self.queue.units.fetch_add(units.into(), Ordering::Relaxed);
        Waiting(&self.queue, units)
    }

    /// How long it takes until all who wait have theirs: the whole budget is given out anew in the time that one holds it.
    fn expected_wait(&self) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rounds = self.queue.units.load(Ordering::Relaxed) as f64 / f64::from(self.total);
        let held = *self.queue.held.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::try_from_secs_f64(held.as_secs_f64() * rounds).unwrap_or(Duration::MAX)
    }

    fn reservation(&self, permit: OwnedSemaphorePermit, units: u32) -> Reservation {
        let share = f64::from(units) / f64::from(self.total.max(1));
        Reservation { _permit: permit, since: Instant::now(), share, queue: Arc::clone(&self.queue) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reservation_waits_for_another_to_end_but_not_past_its_deadline() {
        let budget = Budget::new(10 * UNIT_BYTES);
        let held = budget.reserve(8 * UNIT_BYTES, Deadline::within(Duration::ZERO)).await.unwrap();

        let late = budget.reserve(3 * UNIT_BYTES, Deadline::within(Duration::from_secs(5))).await;
        drop(held);
        let granted = budget.reserve(3 * UNIT_BYTES, Deadline::within(Duration::from_secs(5))).await;

        assert!(matches!(late, Err(Error::Overloaded)));
        assert!(granted.is_ok());
        assert_eq!(budget.free_bytes(), 7 * UNIT_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_expected_in_time_is_refused_at_once() {
        let budget = Budget::new(10 * UNIT_BYTES);
        let soon = Duration::from_millis(2500);
        let _held = budget.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await.unwrap();
        let (first, second) = (budget.clone(), budget.clone());
        let first = tokio::spawn(async move { first.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await.map(drop) });
        let second =
            tokio::spawn(async move { second.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await.map(drop) });
        tokio::task::yield_now().await;
        let since = Instant::now();

        let third = budget.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await;

        assert!(matches!(third, Err(Error::Overloaded)));
        assert_eq!(since.elapsed(), Duration::ZERO);
        assert!(!first.is_finished() && !second.is_finished(), "those before it may hope");
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_others_hold_theirs_tells_what_can_be_expected() {
        let budget = Budget::new(10 * UNIT_BYTES);
        let soon = Duration::from_millis(2500);
        let slow = budget.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await.unwrap();
        tokio::time::advance(Duration::from_secs(3)).await;
        drop(slow);
        let held = budget.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await.unwrap();

        let refused = budget.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await;
        drop(held);

        assert!(matches!(refused, Err(Error::Overloaded)));
        assert!(budget.reserve(10 * UNIT_BYTES, Deadline::within(soon)).await.is_ok(), "what is free is granted");
    }

    #[tokio::test]
    async fn what_exceeds_the_whole_budget_is_refused_at_once() {
        let budget = Budget::new(10 * UNIT_BYTES);

        let refused = budget.reserve(10 * UNIT_BYTES + 1, Deadline::within(Duration::from_hours(1))).await;

        assert!(matches!(refused, Err(Error::Overloaded)));
    }
}
