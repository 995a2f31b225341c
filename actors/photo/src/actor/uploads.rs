//! The uploads in progress.
//!
//! Invariant: never more than the bound, and never two under one idempotency key.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use portico_kernel::{IdempotencyKey, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

type Keys = Mutex<HashSet<(UserId, IdempotencyKey)>>;

/// Bounds uploads and tells them apart. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Uploads {
    slots: Arc<Semaphore>,
    keys: Arc<Keys>,
}

/// An upload's right to go on, until it is dropped.
pub(super) struct Slot {
    _slot: OwnedSemaphorePermit,
    _key: Option<Claim>,
}

impl Uploads {
    /// Allows `max` uploads at the same time.
    pub fn new(max: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(max)), keys: Arc::default() }
    }

    /// How many more are allowed at the moment.
    pub fn free(&self) -> usize {
        self.slots.available_permits()
    }

    /// Begins an upload, at once or not at all.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound, [`Error::KeyInProgress`] beside one under the same key.
    pub(super) fn begin(&self, owner: UserId, key: Option<&IdempotencyKey>) -> Result<Slot, Error> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let key = key.map(|key| Claim::new(&self.keys, owner, key.clone())).transpose()?;
        Ok(Slot { _slot: slot, _key: key })
    }
}

/// A key that is in use until this is dropped.
struct Claim {
    keys: Arc<Keys>,
    key: (UserId, IdempotencyKey),
}

impl Claim {
    fn new(keys: &Arc<Keys>, owner: UserId, key: IdempotencyKey) -> Result<Self, Error> {
        let claim = (owner, key);
        let free = keys.lock().unwrap_or_else(PoisonError::into_inner).insert(claim.clone());
        if free { Ok(Self { keys: Arc::clone(keys), key: claim }) } else { Err(Error::KeyInProgress) }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
