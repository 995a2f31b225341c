//! The uploads that are received or processed at the same time.
//!
//! Invariant: never more than the bound, and never more of one address than its share, by however many accounts: bodies may
//! come slowly, and one client would keep everybody else from uploading.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use portico_kernel::AskError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::address::AddressKey;

/// An address may have one in so many of all uploads at the same time: a household or an office may be behind it,
const ADDRESS_SHARE: usize = 2;
/// and at least this many, so that a small bound leaves some clients behind one address their way.
const ADDRESS_LEAST: usize = 8;

/// Bounds uploads.
pub(super) struct Uploads {
    places: Arc<Semaphore>,
    of_address_max: usize,
    held: Arc<Mutex<HashMap<AddressKey, usize>>>,
}

/// An upload's place, until this is dropped.
pub(crate) struct UploadPlace {
    _place: OwnedSemaphorePermit,
    address: AddressKey,
    held: Arc<Mutex<HashMap<AddressKey, usize>>>,
}

impl Uploads {
    /// Allows `max` uploads at the same time.
    pub(super) fn new(max: usize) -> Self {
        let of_address_max = (max / ADDRESS_SHARE).max(ADDRESS_LEAST);
        Self { places: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))), of_address_max, held: Arc::default() }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// The server's: all are taken, or the address's share.
    pub(super) fn enter(&self, address: AddressKey) -> Result<UploadPlace, AskError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| AskError::Overloaded)?;
        let mut held = lock(&self.held);
        let of_address = held.entry(address).or_default();
        if *of_address >= self.of_address_max {
            return Err(AskError::Overloaded);
        }
        *of_address += 1;
        Ok(UploadPlace { _place: place, address, held: Arc::clone(&self.held) })
    }
}

impl Drop for UploadPlace {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(of_address) = held.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                held.remove(&self.address);
            }
        }
    }
}

fn lock(held: &Mutex<HashMap<AddressKey, usize>>) -> MutexGuard<'_, HashMap<AddressKey, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(uploads: &Uploads, address: u8, count: usize) -> Vec<UploadPlace> {
        (0..count).map_while(|_| uploads.enter(AddressKey::V4([192, 0, 2, address])).ok()).collect()
    }

    #[test]
    fn an_address_has_its_share_and_leaves_the_others_to_others() {
        let uploads = Uploads::new(64);

        let one = enter(&uploads, 1, 64);
        let other = enter(&uploads, 2, 64);
        let third = enter(&uploads, 3, 64);

        assert_eq!((one.len(), other.len(), third.len()), (32, 32, 0));
    }

    #[test]
    fn what_ends_gives_its_place_back_and_leaves_nothing_behind() {
        let uploads = Uploads::new(16);
        drop(enter(&uploads, 1, 16));

        assert_eq!(enter(&uploads, 1, 16).len(), 8);
        assert!(lock(&uploads.held).is_empty());
    }
}
