//! What a view hears of changes that other processes make to its sessions, and how long it trusts that it hears.
//!
//! Invariant: nothing is served whose change was told, nor what was read before contact was lost; and since silence may
//! also mean that nothing comes through any more, nothing at all is served later than a [`LEASE`](portico_kernel::LEASE)
//! after the last moment up to which everything is known to have been told.

use std::{fmt, time::Instant};

use portico_kernel::UserId;

use super::View;

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

#[cfg(test)]
mod tests;
