//! A clock that stands still until a test moves it.

use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime, macros::datetime};

use crate::Clock;

/// A wall clock that is moved by hand. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<OffsetDateTime>>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves it on; a negative `by` moves it back.
    pub fn advance(&self, by: impl TryInto<Duration>) {
        let by = by.try_into().ok().expect("a test's duration fits");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Moves it to `now`.
    pub fn set(&self, now: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Default for ManualClock {
    /// Stands at noon of 1 January 2026, UTC.
    fn default() -> Self {
        Self::at(datetime!(2026-01-01 12:00 UTC))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
