//! Notices threads that are blocked.
//!
//! Invariant: at most `abandon_most` blocked threads are left behind at any time; one more is fatal, since each costs
//! memory and whatever it holds.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use super::Threads;

/// How many signs of life must be missed. Counted and not timed, so that a process that was itself suspended does not
/// take its threads for blocked.
const MISSED_MAX: u32 = 4;

/// The shortest time between two looks.
const TICK_MIN: Duration = Duration::from_millis(1);

/// What happens to a thread that is blocked.
#[derive(Clone)]
pub struct Watchdog {
    /// How long a thread may be blocked, about: its actors are then started again on a new one.
    pub limit: Duration,
    /// How many blocked threads may be left behind at the same time.
    pub abandon_most: usize,
    /// Called when there would be one more. It should end the process.
    pub fatal: Arc<dyn Fn() + Send + Sync>,
}

/// `EX_SOFTWARE` of sysexits(3): an internal software error.
const EXIT_SOFTWARE: i32 = 70;

impl Default for Watchdog {
    /// 10 s, 4 threads, and exit code 70.
    fn default() -> Self {
        Self { limit: Duration::from_secs(10), abandon_most: 4, fatal: Arc::new(|| std::process::exit(EXIT_SOFTWARE)) }
    }
}

impl Watchdog {
    pub(super) fn tick(&self) -> Duration {
        (self.limit / MISSED_MAX).max(TICK_MIN)
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Watchdog");
        debug.field("limit", &self.limit).field("abandon_most", &self.abandon_most).finish_non_exhaustive()
    }
}

/// Watches from a thread of its own, until the threads are gone.
pub(super) fn watch(threads: Weak<Threads>, tick: Duration) {
    let watch = move || {
        loop {
            std::thread::sleep(tick);
            let Some(threads) = threads.upgrade() else { return };
            threads.look();
        }
    };
    let watchdog = std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch);
    if let Err(error) = watchdog {
        tracing::error!(%error, "cannot make the watchdog's thread: blocked threads go unnoticed");
    }
}

impl Threads {
    /// Looks at every thread once, and leaves behind those that are blocked.
    fn look(&self) {
        let mut state = self.lock();
        let blocked: Vec<_> =
            state.places.extract_if(|_, place| place.arbiter.alive() && place.ping(MISSED_MAX)).collect();
        for (name, place) in blocked {
            tracing::error!(thread = name, "thread is blocked");
            place.arbiter.stop(); // should it ever come back, it ends
            place.tenants.iter().filter(|tenant| tenant.leash.strong_count() > 0).for_each(|tenant| (tenant.alarm)());
            state.abandoned.push(place.arbiter);
        }
        state.abandoned.retain(actix::Arbiter::alive);
        let too_many = state.abandoned.len() > self.watchdog.abandon_most;
        drop(state);
        if too_many {
            (self.watchdog.fatal)();
        }
    }
}
