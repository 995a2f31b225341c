//! The uploads in progress.
//!
//! Invariant: never more than the bound, never more of one owner than its share, and never two under one idempotency key.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use portico_kernel::{IdempotencyKey, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

/// An owner may have one in so many of all uploads at the same time,
const OWNERS_SHARE: usize = 8;
/// and at least this many, so that a small bound leaves a client that sends several at once its way.
const OWNERS_LEAST: usize = 4;

/// Bounds uploads and tells them apart. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Uploads {
    slots: Arc<Semaphore>,
    of_owner_max: usize,
    held: Arc<Mutex<Held>>,
}

/// What is in use.
#[derive(Debug, Default)]
struct Held {
    slots: HashMap<UserId, usize>,
    keys: HashSet<(UserId, IdempotencyKey)>,
}

/// An upload's right to go on, until it is dropped.
pub(super) struct Slot {
    _place: OwnedSemaphorePermit,
    held: Arc<Mutex<Held>>,
    owner: UserId,
    key: Option<IdempotencyKey>,
}

impl Uploads {
    /// Allows `max` uploads at the same time: an eighth of them to one owner, or four if that is more.
    pub fn new(max: usize) -> Self {
        let of_owner_max = (max / OWNERS_SHARE).max(OWNERS_LEAST);
        Self { slots: Arc::new(Semaphore::new(max)), of_owner_max, held: Arc::default() }
    }

    /// How many more are allowed at the moment.
    pub fn free(&self) -> usize {
        self.slots.available_permits()
    }

    /// Begins an upload, at once or not at all.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound or the owner's share, [`Error::KeyInProgress`] beside one under the same key.
    pub(super) fn begin(&self, owner: UserId, key: Option<&IdempotencyKey>) -> Result<Slot, Error> {
        let place = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let mut held = lock(&self.held);
        if held.slots.get(&owner).is_some_and(|slots| *slots >= self.of_owner_max) {
            return Err(Error::Overloaded);
        }
        if let Some(key) = key
            && !held.keys.insert((owner, key.clone()))
        {
            return Err(Error::KeyInProgress);
        }
        *held.slots.entry(owner).or_default() += 1;
        Ok(Slot { _place: place, held: Arc::clone(&self.held), owner, key: key.cloned() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(key) = self.key.take() {
            held.keys.remove(&(self.owner, key));
        }
        if let Some(slots) = held.slots.get_mut(&self.owner) {
            *slots -= 1;
            if *slots == 0 {
                held.slots.remove(&self.owner);
            }
        }
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
