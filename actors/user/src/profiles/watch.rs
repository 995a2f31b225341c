//! What profiles hear of what other nodes did to them.

use std::{fmt, time::Instant};

use portico_kernel::UserId;

use super::Profiles;

/// Tells [`Profiles`] what others change. Whoever reads shared profiles holds it, and calls it in the order in which the
/// server told: a change before [`Self::complete`], which vouches for it. Cheap to clone.
#[derive(Clone)]
pub struct ProfilesWatch(pub(super) Profiles);

impl ProfilesWatch {
    /// The user changed: what was read until now is forgotten, and what is being read is not kept.
    pub fn changed(&self, user: UserId) {
        self.0.own.forget(user);
    }

    /// Anything may have changed untold: the same of everybody.
    pub fn lost(&self) {
        self.0.own.forget_all();
    }

    /// Of everything that was read, each change that was made before `asked` has been told.
    pub fn complete(&self, asked: Instant) {
        if let Some(lease) = &self.0.own.lease {
            lease.renew(asked);
        }
    }
}

impl fmt::Debug for ProfilesWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProfilesWatch").field(&self.0).finish()
    }
}
