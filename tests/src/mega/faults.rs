//! What goes wrong on demand.

use std::collections::{HashMap, VecDeque};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An error of the API: -3 is EAGAIN, -4 ERATELIMIT.
    Code(i64),
    /// An HTTP status: 509 is an exceeded bandwidth limit.
    Status(u16),
    /// It is done, and the answer is lost.
    Lost,
    /// The bytes end half-way.
    Cut,
    /// Nothing is answered, for longer than anybody waits.
    Hang,
}

#[derive(Default)]
pub(super) struct Faults {
    next: HashMap<&'static str, VecDeque<Fault>>,
    calls: HashMap<String, usize>,
}

impl Faults {
    pub(super) fn add(&mut self, what: &'static str, fault: Fault, times: usize) {
        self.next.entry(what).or_default().extend([fault].repeat(times));
    }

    /// Counts it, and tells what goes wrong with it.
    pub(super) fn meet(&mut self, what: &str) -> Option<Fault> {
        *self.calls.entry(what.to_owned()).or_default() += 1;
        self.next.get_mut(what)?.pop_front()
    }

    pub(super) fn calls(&self, what: &str) -> usize {
        self.calls.get(what).copied().unwrap_or_default()
    }
}
