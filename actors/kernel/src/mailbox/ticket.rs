//! What caller and callee both know of a call: whether it has begun. Whoever moves it first, decides.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::time::Instant;

use crate::{AskError, Deadline};

const WAITS: u8 = 0;
const BEGUN: u8 = 1;
const CANCELLED: u8 = 2;
const DRAINED: u8 = 3;
const UNAVAILABLE: u8 = 4;

/// One call's fate.
///
/// Invariant: it leaves `WAITS` once and for all. `BEGUN` is set before the handler runs, so that any other state
/// proves that it never will.
#[derive(Debug)]
pub(crate) struct Ticket {
    fate: AtomicU8,
    /// Whether its turn comes as soon as its caller waits.
    is_next: AtomicBool,
    deadline: Deadline,
    sent: Instant,
}

/// Why a call that waited is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The callee shuts down.
    Draining,
    /// The callee is gone, or will not be back in time.
    Unavailable,
}

impl Ticket {
    pub(crate) fn new(deadline: Deadline, sent: Instant) -> Self {
        Self { fate: AtomicU8::new(WAITS), is_next: AtomicBool::new(false), deadline, sent }
    }

    pub(crate) fn sent(&self) -> Instant {
        self.sent
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline.instant()
    }

    /// Whether its deadline had passed when it was made.
    pub(crate) fn has_expired(&self) -> bool {
        self.deadline.instant() <= self.sent
    }

    pub(crate) fn waits(&self) -> bool {
        self.fate.load(Ordering::Acquire) == WAITS
    }

    /// Whether its caller gave up before it began.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.fate.load(Ordering::Acquire) == CANCELLED
    }

    /// Notes whether its callee is idle, on the caller's thread: then the clock is not looked at again when it begins.
    pub(crate) fn set_next(&self, is_next: bool) {
        self.is_next.store(is_next, Ordering::Relaxed); // read on the same thread
    }

    pub(crate) fn is_next(&self) -> bool {
        self.is_next.load(Ordering::Relaxed)
    }

    /// The callee begins, unless the caller has gone or the deadline has passed.
    pub(crate) fn begin(&self) -> bool {
        if !self.is_next() && self.deadline.has_passed() {
            self.leave(UNAVAILABLE);
        }
        self.leave(BEGUN)
    }

    /// The caller gives up. False when it is too late: the call has begun, or was refused.
    pub(crate) fn cancel(&self) -> bool {
        self.waits() && self.leave(CANCELLED) // most callers let go of a call that is done: no need to contend for it
    }

    pub(crate) fn refuse(&self, refusal: Refusal) -> bool {
        self.leave(match refusal {
            Refusal::Draining => DRAINED,
            Refusal::Unavailable => UNAVAILABLE,
        })
    }

    /// What is known of a call that will get no answer.
    pub(crate) fn without_answer(&self) -> AskError {
        match self.fate.load(Ordering::Acquire) {
            BEGUN => AskError::Crashed,
            DRAINED => AskError::Draining,
            _ => AskError::Unavailable,
        }
    }

    fn leave(&self, fate: u8) -> bool {
        self.fate.compare_exchange(WAITS, fate, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl From<Refusal> for AskError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Draining => Self::Draining,
            Refusal::Unavailable => Self::Unavailable,
        }
    }
}
