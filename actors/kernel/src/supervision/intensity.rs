//! How many crashes a supervisor bears before it gives up.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::chaos;

/// At most `restarts` crashes `within` any period of that length; one more escalates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// How many crashes are borne.
    pub restarts: usize,
    /// The length of the period.
    pub within: Duration,
}

impl Intensity {
    /// The first crash escalates.
    pub const NONE: Self = Self { restarts: 0, within: Duration::MAX };

    /// No number of crashes escalates.
    pub const UNLIMITED: Self = Self { restarts: usize::MAX, within: Duration::ZERO };
}

/// The crashes that still count.
#[derive(Debug, Default)]
pub(crate) struct Crashes(VecDeque<Instant>);

impl Crashes {
    /// Counts one more. True when it is one too many.
    pub(crate) fn exceed(&mut self, intensity: Intensity, now: Instant) -> bool {
        while self.0.front().is_some_and(|first| now.duration_since(*first) >= intensity.within) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() > intensity.restarts && chaos::escalates()
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}
