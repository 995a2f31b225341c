//! Orderly shutdown, and what became of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

/// What a drain came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drained {
    /// Paths of actors that finished everything that they had accepted, in the order in which they did.
    pub finished: Vec<String>,
    /// Actors that did not.
    pub cut: Vec<Cut>,
}

/// An actor that was cut off during a drain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The actor's path below the root.
    pub path: String,
    /// Why.
    pub because: CutBecause,
    /// Calls that waited and never ran; they answered `Draining`.
    pub queued: u64,
    /// Calls that were being worked on; their effect is unknown.
    pub in_flight: u64,
}

/// Why an actor did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CutBecause {
    /// The deadline passed.
    Deadline,
    /// It crashed, or stopped by itself while calls still waited or ran.
    Crashed,
    /// It was not running when its turn came.
    Away,
    /// It did not even react to being ended: its thread is blocked.
    Hangs,
}

impl Drained {
    /// Whether every actor finished.
    pub fn is_clean(&self) -> bool {
        self.cut.is_empty()
    }
}

/// A drain that is under way, shared by the supervisors that take part.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    pub(crate) deadline: Instant,
    report: Arc<Mutex<Drained>>,
}

impl Drain {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { deadline, report: Arc::default() }
    }

    /// Whether it is the same one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.report, &other.report)
    }

    /// Takes what `other` reports into its own report.
    pub(crate) fn learn(&self, other: &Self) {
        let Drained { finished, cut } = other.report().clone();
        let mut report = self.report();
        report.finished.extend(finished);
        report.cut.extend(cut);
    }

    pub(crate) fn report(&self) -> MutexGuard<'_, Drained> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
