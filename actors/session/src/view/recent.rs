//! The sessions that were used last, by the hash of their token.
//!
//! Invariant: never more than `entries_max`, whatever comes; the one that was not used for longest goes first. Large
//! tables are split into parts, each with a lock and an order of its own, so that workers hardly ever meet at one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use crate::TokenHash;

/// How many parts a large table has.
const PARTS: usize = 32;
/// A table is split where each part has at least so many entries: in a smaller one a part might fill up before the others.
const PART_ENTRIES_MIN: usize = 64;

/// A bounded table of `T`.
pub(super) struct Recent<T>(Box<[Mutex<LruCache<TokenHash, T>>]>);

impl<T: Copy> Recent<T> {
    pub(super) fn new(entries_max: u64) -> Self {
        let entries_max = usize::try_from(entries_max).unwrap_or(usize::MAX);
        let parts = if entries_max < PARTS * PART_ENTRIES_MIN { 1 } else { PARTS };
        Self((0..parts).map(|_| Mutex::new(LruCache::new(entries_max / parts))).collect())
    }

    /// What is kept under `hash`, which counts as its use.
    pub(super) fn get(&self, hash: TokenHash) -> Option<T> {
        self.part(hash).get(&hash).copied()
    }

    pub(super) fn insert(&self, hash: TokenHash, value: T) {
        self.part(hash).insert(hash, value);
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|part| lock(part).len()).sum()
    }

    fn part(&self, TokenHash([first, ..]): TokenHash) -> MutexGuard<'_, LruCache<TokenHash, T>> {
        lock(&self.0[usize::from(first) % self.0.len()])
    }
}

/// What is behind the lock is whole between any two statements.
fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u32) -> TokenHash {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.wrapping_mul(0x9E37_79B1).to_be_bytes()); // spread, as real ones are
        TokenHash(hash)
    }

    #[test]
    fn the_one_that_was_not_used_for_longest_goes_first() {
        let recent = Recent::new(100);
        recent.insert(hash(0), 0);

        for n in 1..10_000 {
            recent.insert(hash(n), n);
            assert_eq!(recent.get(hash(0)), Some(0), "used again and again, it stays; lost at {n}");
        }

        assert_eq!(recent.len(), 100);
        assert_eq!((recent.get(hash(9_900)), recent.get(hash(9_901))), (None, Some(9_901)));
    }

    #[test]
    fn a_table_in_parts_is_bounded_as_a_whole() {
        let recent = Recent::new(10_000);

        (0..100_000).for_each(|n| recent.insert(hash(n), n));

        assert!(recent.0.len() > 1);
        assert!((9_900..=10_000).contains(&recent.len()), "{}", recent.len());
    }

    #[test]
    fn a_table_for_nothing_keeps_nothing() {
        let recent = Recent::new(0);

        recent.insert(hash(0), 0);

        assert_eq!((recent.get(hash(0)), recent.len()), (None, 0));
    }
}
