//! The clock that limits run by.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use governor::clock::{Clock, FakeRelativeClock};

/// A clock that a test advances.
pub type FakeTime = FakeRelativeClock;

/// Time since some beginning; never goes back.
#[derive(Clone)]
pub struct Time(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Time {
    /// The machine's monotonic clock.
    pub fn monotonic() -> Self {
        let beginning = Instant::now();
        Self(Arc::new(move || beginning.elapsed()))
    }
}

impl From<FakeTime> for Time {
    fn from(fake: FakeTime) -> Self {
        Self(Arc::new(move || fake.now().into()))
    }
}

impl Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Time").field(&self.now()).finish()
    }
}
