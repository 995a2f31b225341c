//! One child and where it stands.

use tokio::time::{Duration, Instant};

use super::{
    child::{Child, Stop},
    life::LifeId,
};
use crate::tree::{Cause, State};

/// How long a factory and `started` may take.
const START_MAX: Duration = Duration::from_secs(10);

/// How long an actor may take to react to being stopped.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How long an actor has whose turn in a drain comes close to the deadline, or after it because others were cut off:
/// enough to be polled, and for its `stopped`.
const DRAIN_MIN: Duration = Duration::from_millis(200);

/// How long an actor may take to vanish after a drain's deadline.
const KILL_MAX: Duration = Duration::from_millis(500);

/// A child in its place in the order of start.
pub(crate) struct Slot {
    pub(crate) child: Box<dyn Child>,
    pub(crate) status: Status,
    /// It must be stopped before anything is started.
    pub(crate) doomed: bool,
    /// It must not be started before.
    pub(crate) not_before: Instant,
    generation: u64,
    /// Crashes in a row.
    failures: u32,
    up_since: Option<Instant>,
}

/// Where a child stands. A limit is when it is taken to hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Down,
    Starting { limit: Option<Instant> },
    Up,
    Stopping { limit: Option<Instant>, killed: bool },
}

impl Slot {
    pub(crate) fn new(child: Box<dyn Child>, now: Instant) -> Self {
        let (generation, failures) = (0, 0);
        Self { child, status: Status::Down, doomed: false, not_before: now, generation, failures, up_since: None }
    }

    pub(crate) fn is_down(&self) -> bool {
        self.status == Status::Down
    }

    /// Whether `generation` is the life in charge.
    pub(crate) fn lives(&self, generation: u64) -> bool {
        !self.is_down() && self.generation == generation
    }

    /// Begins a new life; the caller starts the child with it.
    pub(crate) fn starting(&mut self, index: usize, now: Instant) -> LifeId {
        self.generation += 1;
        self.up_since = None;
        self.status = Status::Starting { limit: self.limit(now + START_MAX) };
        self.child.node().starts();
        LifeId { child: index, generation: self.generation }
    }

    pub(crate) fn started(&mut self, now: Instant) {
        if let Status::Starting { .. } = self.status {
            self.status = Status::Up;
            self.up_since = Some(now);
            self.child.node().set(State::Running);
        }
    }

    pub(crate) fn stop(&mut self, stop: &Stop, now: Instant) {
        self.child.stop(stop);
        let (limit, killed) = match stop {
            Stop::Now => (now + STOP_MAX, true),
            Stop::Drain(drain) => {
                self.child.node().set(State::Draining);
                (drain.deadline.max(now + DRAIN_MIN), false)
            }
            Stop::Kill => (now + KILL_MAX, true),
        };
        self.status = Status::Stopping { limit: self.limit(limit), killed };
    }

    /// The life is over, and another is to follow after `wait`.
    pub(crate) fn crashed(&mut self, cause: Cause, now: Instant) -> Instant {
        let backoff = self.child.backoff();
        if self.up_since.is_some_and(|since| now - since >= backoff.healthy) {
            self.failures = 0;
        }
        let wait = backoff.wait(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.child.node().restarts(cause);
        self.not_before = now + wait;
        self.rest();
        self.not_before
    }

    /// It is down and will be started again.
    pub(crate) fn rest(&mut self) {
        self.status = Status::Down;
        self.child.node().set(State::Backoff);
        self.child.away(self.not_before);
    }

    /// It is down until its supervisor is started again.
    pub(crate) fn halt(&mut self) {
        self.status = Status::Down;
        self.child.node().set(State::Stopped);
    }

    /// As if it had never crashed.
    pub(crate) fn refresh(&mut self, now: Instant) {
        self.doomed = false;
        self.failures = 0;
        self.not_before = now;
    }

    /// When something must happen even if nothing is heard. A child that is due and yet down waits for another one.
    pub(crate) fn alarm(&self, now: Instant) -> Option<Instant> {
        match self.status {
            Status::Down => Some(self.not_before).filter(|due| *due > now),
            Status::Up => None,
            Status::Starting { limit } | Status::Stopping { limit, .. } => limit,
        }
    }

    /// A limit, for a child that may hang.
    fn limit(&self, limit: Instant) -> Option<Instant> {
        self.child.may_hang().then_some(limit)
    }
}
