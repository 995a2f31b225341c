//! For how long a node trusts what it remembers of things that others change too.
//!
//! Invariant: it is trusted no later than a [`LEASE`] after the last moment up to which every change is known to have been
//! told. Silence may also mean that nothing comes through any more.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How long what is remembered is trusted without word of whoever tells of changes.
pub const LEASE: Duration = Duration::from_secs(1);

/// Until when what is remembered is trusted, readable without a lock.
#[derive(Debug)]
pub struct Lease {
    begun: Instant,
    /// After `begun`.
    until_ns: AtomicU64,
}

impl Default for Lease {
    /// One that does not hold yet.
    fn default() -> Self {
        Self { begun: Instant::now(), until_ns: AtomicU64::new(0) }
    }
}

impl Lease {
    /// Whether what is remembered may be trusted at `now`.
    pub fn holds(&self, now: Instant) -> bool {
        self.since_begun(now) < self.until_ns.load(Ordering::SeqCst)
    }

    /// Each change that was made before `asked` has been told.
    pub fn renew(&self, asked: Instant) {
        self.until_ns.store(self.since_begun(asked + LEASE), Ordering::SeqCst);
    }

    fn since_begun(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_from_the_first_word_until_a_lease_after_the_last() {
        let (lease, asked) = (Lease::default(), Instant::now());
        let held_before = lease.holds(asked);

        lease.renew(asked);

        assert!(!held_before);
        assert!(lease.holds(asked) && lease.holds(asked + LEASE.saturating_sub(Duration::from_millis(1))));
        assert!(!lease.holds(asked + LEASE));
    }
}
