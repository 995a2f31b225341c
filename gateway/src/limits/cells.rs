//! Where the state of token buckets is kept: bounded, the least recently seen forgotten first.
//!
//! To forget a key is to give it a full bucket, so an attacker would like to make the node forget a victim's failures by
//! flooding it with other keys. Three things make that futile:
//! - every kind of limit has cells of its own: requests, which are cheap to send from many addresses, push out requests only;
//! - a cell is made only when something is admitted. A cell of the sign-in limits therefore costs its maker a token of an
//!   address's budget, and, since a place among the waiting passwords comes first, the work of verifying a password. At
//!   35 ms of CPU each, pushing 16,000 others out takes two cores five minutes, in which the victim's bucket would have
//!   refilled half way by itself: the flood gains a handful of guesses for 16,000 attempts;
//! - recency alone decides. A policy that weighs frequency (such as `TinyLFU`) would refuse to admit new keys while old ones
//!   are popular: a flooder could then keep a victim's failures from being counted at all.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{nanos::Nanos, state::StateStore};
use hashlink::{LruCache, linked_hash_map::RawEntryMut};

/// The most shards: more than workers that could be in each other's way.
const SHARDS_MAX: usize = 64;
/// The least keys of a shard: with fewer, chance would forget some much sooner than others.
const SHARD_KEYS_MIN: usize = 256;

/// One cell for each key: when its bucket will be full. Cheap to clone; clones share the cells.
#[derive(Clone)]
pub(super) struct Cells<K>(Arc<Shards<K>>);

struct Shards<K> {
    /// Keyed at random, so that nobody can choose who shares a shard.
    hasher: RandomState,
    shards: Vec<Mutex<LruCache<K, Nanos, RandomState>>>,
}

impl<K: Hash + Eq + Copy + Send + Sync + 'static> Cells<K> {
    /// At most `keys_max` cells.
    pub(super) fn new(keys_max: u64) -> Self {
        let keys_max = usize::try_from(keys_max).unwrap_or(usize::MAX).max(1);
        let count = (keys_max / SHARD_KEYS_MIN).clamp(1, SHARDS_MAX);
        let hasher = RandomState::new();
        let shard = || Mutex::new(LruCache::with_hasher(keys_max / count, hasher.clone()));
        Self(Arc::new(Shards { shards: std::iter::repeat_with(shard).take(count).collect(), hasher }))
    }

    /// Puts back what one taking took, `cost`; a cell that was forgotten meanwhile is full anyway.
    pub(super) fn give_back(&self, key: &K, cost: Duration) {
        let (mut shard, _) = self.shard(key);
        if let Some(arrival) = shard.get_mut(key) {
            *arrival = arrival.saturating_sub(Nanos::from(cost));
        }
    }

    /// The shard of a key, and the key's hash, which its table goes by as well. What is behind the lock is whole between any
    /// two statements that can panic.
    fn shard(&self, key: &K) -> (MutexGuard<'_, LruCache<K, Nanos, RandomState>>, u64) {
        let Shards { hasher, shards } = &*self.0;
        // By other bits of the hash than the shard's own table goes by, which are the lowest and the highest: if all its keys had
        // those in common, most places of the table would stay empty and the others would be crowded.
        let hash = hasher.hash_one(key);
        let index = (hash >> 32) % shards.len() as u64;
        let shard = &shards[usize::try_from(index).expect("it is less than the number of shards")];
        (shard.lock().unwrap_or_else(PoisonError::into_inner), hash)
    }

    /// How many cells there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}

impl<K: Hash + Eq + Copy + Send + Sync + 'static> StateStore for Cells<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (mut shard, hash) = self.shard(key);
        if let RawEntryMut::Occupied(mut cell) = shard.raw_entry_mut().from_key_hashed_nocheck(hash, key) {
            cell.to_back();
            let (answer, next) = measure(Some(*cell.get()))?;
            *cell.get_mut() = next;
            return Ok(answer);
        }
        let (answer, next) = measure(None)?;
        shard.insert(*key, next);
        Ok(answer)
    }
}
