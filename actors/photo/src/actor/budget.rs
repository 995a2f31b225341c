//! The memory that all pictures share while they are processed.
//!
//! Invariant: reservations never exceed the budget together. They are served in order, so that a large picture is not
//! starved by small ones.

use std::sync::Arc;

use portico_kernel::Deadline;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

/// What one permit stands for, in bytes: a semaphore counts in 32 bits.
const UNIT_BYTES: u64 = 1024;

/// A memory budget. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
    total: u32,
}

/// Memory that is reserved until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Budget {
    /// A budget of `bytes`, rounded down to a kibibyte.
    pub fn new(bytes: u64) -> Self {
        // The semaphore's own bound is lower than 32 bits on small machines only.
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let total = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX).min(most);
        Self { units: Arc::new(Semaphore::new(usize::try_from(total).unwrap_or(usize::MAX))), total }
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
    /// [`Error::Overloaded`] if it is not granted in time.
    pub(super) async fn reserve(&self, bytes: u64, deadline: Deadline) -> Result<Reservation, Error> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).map_err(|_| Error::Overloaded)?;
        if units > self.total {
            return Err(Error::Overloaded);
        }
        let granted = Arc::clone(&self.units).acquire_many_owned(units);
        match tokio::time::timeout_at(deadline.instant(), granted).await {
            Ok(permit) => Ok(Reservation(permit.expect("the semaphore is never closed"))),
            Err(_) => Err(Error::Overloaded),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    #[tokio::test]
    async fn what_exceeds_the_whole_budget_is_refused_at_once() {
        let budget = Budget::new(10 * UNIT_BYTES);

        let refused = budget.reserve(10 * UNIT_BYTES + 1, Deadline::within(Duration::from_hours(1))).await;

        assert!(matches!(refused, Err(Error::Overloaded)));
    }
}
