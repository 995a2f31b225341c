//! Where the state of token buckets is kept: bounded, the least recently seen forgotten first.
//!
//! To forget a key is to give it a full bucket, so an attacker would like to make the node forget a victim's failures by
//! flooding it with other keys. Three things make that futile:
//! - every kind of limit has cells of its own: requests, which are cheap to send from many addresses, push out requests only;
//! - a cell is made only when something is admitted. A cell of the sign-in limits therefore costs its maker a token of an
//!   address's budget, and, since a place among the waiting passwords comes first, the work of verifying a password. At
//!   35 ms of CPU each, pushing 16,000 others out takes two cores five minutes, in which the victim's bucket would have
//!   refilled half way by itself: the flood gains a handful of guesses for 16,000 attempts;
//! - recency alone decides. A policy that weighs frequency (such as `TinyLFU`, moka's default) would refuse to admit new
//!   keys while old ones are popular: a flooder could then keep a victim's failures from being counted at all.

use std::{hash::Hash, sync::Arc, time::Duration};

use governor::{
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use moka::{policy::EvictionPolicy, sync::Cache};

/// One cell for each key. Cheap to clone; clones share the cells.
#[derive(Clone)]
pub(super) struct Cells<K>(Cache<K, Arc<InMemoryState>>);

impl<K: Hash + Eq + Copy + Send + Sync + 'static> Cells<K> {
    /// At most `keys_max` cells; one that is not seen for `refill`, in which any bucket fills up, is of no use any more.
    pub(super) fn new(keys_max: u64, refill: Duration) -> Self {
        let cells = Cache::builder()
            .max_capacity(keys_max.max(1))
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(refill + Duration::from_secs(1));
        Self(cells.build())
    }

    /// Puts back what one taking took, `cost`; a cell that was forgotten meanwhile is full anyway.
    pub(super) fn give_back(&self, key: &K, cost: Duration) {
        let Some(cell) = self.0.get(key) else { return };
        let cost = Nanos::from(cost);
        let given: Result<(), ()> = cell.measure_and_replace(&NotKeyed::NonKey, |arrival| {
            arrival.map(|arrival| ((), arrival.saturating_sub(cost))).ok_or(())
        });
        debug_assert!(given.is_ok(), "only what was taken is given back");
    }

    /// How many cells there are, once pending evictions are done.
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.entry_count()
    }
}

impl<K: Hash + Eq + Copy + Send + Sync + 'static> StateStore for Cells<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.get_with(*key, Arc::default).measure_and_replace(&NotKeyed::NonKey, measure)
    }
}
