//! The clock that limits run by.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use governor::clock::{Clock, FakeRelativeClock};
use portico_kernel::{Clock as _, SystemClock};
use time::OffsetDateTime;

/// A clock that a test advances; its day begins with the Unix epoch.
pub type FakeTime = FakeRelativeClock;

/// Time since some beginning, which never goes back; and the time of day, for what outlives the process.
#[derive(Clone)]
pub struct Time {
    elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
    wall: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

impl Time {
    /// The machine's clocks.
    pub fn system() -> Self {
        let beginning = Instant::now();
        Self { elapsed: Arc::new(move || beginning.elapsed()), wall: Arc::new(|| SystemClock.now()) }
    }

    /// The time of day.
    pub(super) fn wall(&self) -> OffsetDateTime {
        (self.wall)()
    }
}

impl From<FakeTime> for Time {
    fn from(fake: FakeTime) -> Self {
        let day = fake.clone();
        Self {
            elapsed: Arc::new(move || fake.now().into()),
            wall: Arc::new(move || OffsetDateTime::UNIX_EPOCH + Duration::from(day.now())),
        }
    }
}

impl Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        (self.elapsed)()
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Time").field(&self.now()).finish()
    }
}
