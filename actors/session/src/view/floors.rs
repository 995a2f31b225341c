//! The epochs that are being raised: below them nothing is trusted, whatever the store still says.
//!
//! Invariant: a floor stands from before the store is asked to raise an epoch until the store has committed that epoch or
//! a higher one. So a store that is away or full keeps no session alive that was to end; what it could not keep is known
//! here, and, should the process end, from the outbox.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use portico_kernel::UserId;

use crate::{Epoch, LAST_EPOCH, Session};

/// The most floors that stand before no further credentials may change: about 1 MiB. What is under way then, and what the
/// outbox repeats, still has its place, since what was committed must count.
const FLOORS_MAX: usize = 16_384;

/// The floors of the users whose epochs are being raised: a few in good times. In an outage they gather.
#[derive(Default)]
pub(super) struct Floors(Mutex<HashMap<UserId, Epoch>>);

impl Floors {
    /// From now on no session of `user` below `epoch` is trusted.
    pub(super) fn raise(&self, user: UserId, epoch: Epoch) {
        let mut floors = self.lock();
        let floor = floors.entry(user).or_insert(epoch);
        *floor = epoch.max(*floor);
    }

    /// Whether there is room for a floor of `user`, or it has one.
    pub(super) fn have_room(&self, user: UserId) -> bool {
        let floors = self.lock();
        floors.len() < FLOORS_MAX || floors.contains_key(&user)
    }

    /// The store has committed `epoch`, and refuses by itself what is below.
    pub(super) fn committed(&self, user: UserId, epoch: Epoch) {
        let mut floors = self.lock();
        if floors.get(&user).is_some_and(|floor| *floor <= epoch) {
            floors.remove(&user);
        }
    }

    /// Whether `session` may be trusted, for all that is known here.
    pub(super) fn admit(&self, session: &Session) -> bool {
        let floors = self.lock();
        floors.get(&session.user).is_none_or(|floor| session.epoch >= *floor && *floor != LAST_EPOCH)
    }

    /// What is behind the lock is whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Epoch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
