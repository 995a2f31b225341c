//! Deadlines that travel with the work.

use std::{future::Future, time::Duration};

use tokio::{task_local, time::Instant};

task_local! {
    static CURRENT: Deadline;
}

/// The instant by which an answer is of use. It travels: an [`Ask`](crate::Ask) made while serving a call never waits
/// longer than that call's own caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `timeout` from now, or the current deadline if that is sooner.
    pub fn within(timeout: Duration) -> Self {
        Self::after(Instant::now(), timeout)
    }

    /// The same where `now` is known.
    pub(crate) fn after(now: Instant, timeout: Duration) -> Self {
        let own = Self(now + timeout);
        Self::current().map_or(own, |current| current.min(own))
    }

    /// A deadline at `instant`, whatever the current one is.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The deadline of the work that is being done, if it has one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|deadline| *deadline).ok()
    }

    /// When it passes.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        self.0 <= Instant::now()
    }

    /// How long is left; zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Runs `work` under this deadline. It does not cancel the work; it is what [`Self::current`] answers inside.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Runs a synchronous `work` under this deadline.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }
}
