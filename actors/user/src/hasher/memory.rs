//! The memory that argon2 fills for each password, kept from one password to the next while others wait.
//!
//! Invariant: there are never more pieces than threads that hash, and none once no password is hashed or waits. A piece
//! is handed on as the last password left it: argon2 reads no block that it has not written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use argon2::Block;

/// Memory for hashes that cost the same. Asking the system for it each time costs a tenth of a hash, in pages to clear.
#[derive(Default)]
pub(super) struct Memory(Mutex<Weak<Spare>>);

/// A password's claim on memory, from before it waits until its hash is made. With the last claim the memory goes.
pub(super) struct Claim(Arc<Spare>);

#[derive(Default)]
struct Spare(Mutex<Vec<Vec<Block>>>);

impl Memory {
    /// Keeps what others leave until this password has had its turn.
    pub(super) fn claim(&self) -> Claim {
        let mut shared = lock(&self.0);
        Claim(shared.upgrade().unwrap_or_else(|| {
            let spare = Arc::default();
            *shared = Arc::downgrade(&spare);
            spare
        }))
    }
}

impl Claim {
    /// Lends `count` blocks to `work`.
    pub(super) fn lend<T>(&self, count: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let spare = lock(&self.0.0).pop();
        let mut blocks = spare.unwrap_or_else(|| vec![Block::default(); count]);
        let done = work(&mut blocks);
        lock(&self.0.0).push(blocks);
        done
    }
}

/// What is behind these locks is whole between any two statements that can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(claim: &Claim) -> *const Block {
        claim.lend(8, |blocks| blocks.as_ptr())
    }

    #[test]
    fn a_password_that_waits_gets_the_memory_of_the_one_before_it() {
        let memory = Memory::default();
        let (first, second) = (memory.claim(), memory.claim());

        let left = address(&first);
        drop(first);

        assert_eq!(address(&second), left);
    }

    #[test]
    fn passwords_that_are_hashed_at_the_same_time_have_memory_of_their_own() {
        let memory = Memory::default();
        let (first, second) = (memory.claim(), memory.claim());

        let (outer, inner) = first.lend(8, |blocks| (blocks.as_ptr(), address(&second)));

        assert_ne!(outer, inner);
    }

    #[test]
    fn memory_goes_with_the_last_password_that_claims_it() {
        let memory = Memory::default();
        let (first, skipped) = (memory.claim(), memory.claim());
        address(&first);
        let kept = Weak::clone(&lock(&memory.0));

        drop(first);
        let while_one_waits = kept.strong_count();
        drop(skipped);

        assert_eq!((while_one_waits, kept.strong_count()), (1, 0));
    }
}
