//! What a view hears of changes that other processes make to its sessions, and how long it trusts that it hears.
//!
//! Invariant: nothing is served whose change was told, nor what was read before contact was lost; and since silence may
//! also mean that nothing comes through any more, nothing at all is served later than a [`LEASE`] after the last moment up
//! to which everything is known to have been told.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use portico_kernel::UserId;

use super::View;

/// How long a view serves what it read without knowing that it was told of every change. A session that another process
/// ended is refused after this at the latest.
pub const LEASE: Duration = Duration::from_secs(1);

/// Tells a [`View`] what others change. Whoever reads the sessions holds it, and calls it in the order in which the server
/// told: a change before [`Self::complete`], which vouches for it. Cheap to clone.
#[derive(Clone)]
pub struct Watch(View);

impl Watch {
    pub(super) fn of(view: View) -> Self {
        Self(view)
    }

    /// Sessions of `user` changed: what was read of them until now is dead, readings that are under way included.
    pub fn changed(&self, user: UserId) {
        self.0.revoke(user);
    }

    /// Anything may have changed untold: everything that was read until now is dead, readings that are under way included.
    pub fn lost(&self) {
        self.0.revoke_all();
    }

    /// Of everything that was read, each change that was made before `asked` has been told.
    pub fn complete(&self, asked: Instant) {
        if let Some(lease) = &self.0.0.lease {
            lease.renew(asked);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0).finish()
    }
}

/// Until when a view is trusted, readable without a lock.
pub(super) struct Lease {
    begun: Instant,
    /// After `begun`.
    until_ns: AtomicU64,
}

impl Default for Lease {
    fn default() -> Self {
        Self { begun: Instant::now(), until_ns: AtomicU64::new(0) }
    }
}

impl Lease {
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.since_begun(now) < self.until_ns.load(Ordering::SeqCst)
    }

    fn renew(&self, asked: Instant) {
        self.until_ns.store(self.since_begun(asked + LEASE), Ordering::SeqCst);
    }

    fn since_begun(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
