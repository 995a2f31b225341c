//! The read view behind `GET /me`: summaries of the owners who ask for them, kept ready.
//!
//! Invariant: after a change was acknowledged no summary from before it is served. A summary is kept only if nothing of
//! its owner's stripe changed since before it was read from the store.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use portico_kernel::{Ask, CacheLoad, Lookups, UserId};

use crate::{Error, Store, Summarize, Summary};

/// Owners share generations: a change of one makes at most the summaries that are being read of a few others uncachable.
const STRIPES: usize = 1024;

/// A second line of defence: what no invalidation reaches (another node's change) is forgotten after this.
const KEPT: Duration = Duration::from_mins(1);

/// Summaries by owner. Cheap to clone.
#[derive(Clone)]
pub struct Summaries(Arc<View>);

struct View {
    store: Arc<dyn Store>,
    kept: Cache<UserId, Arc<Summary>>,
    lookups: Lookups,
    generations: Box<[Mutex<u64>]>,
    hasher: RandomState,
}

impl Summaries {
    /// Keeps the summaries of at most `owners_max` owners.
    pub fn new(store: Arc<dyn Store>, owners_max: u64) -> Self {
        let kept = Cache::builder().max_capacity(owners_max).time_to_live(KEPT).build();
        let generations = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self(Arc::new(View { store, kept, lookups: Lookups::default(), generations, hasher: RandomState::new() }))
    }

    /// What is kept, and how often it had the summary that was asked for; for metrics.
    pub fn load(&self) -> CacheLoad {
        self.0.lookups.load(self.0.kept.entry_count())
    }

    /// Answers from this view on the caller's own thread: no actor is asked.
    pub fn ask(&self) -> Ask<Summarize> {
        let view = self.clone();
        Ask::from_fn(move |query: Summarize| {
            let view = view.clone();
            async move { view.get(query.owner).await }
        })
    }

    /// An owner's summary, from memory if it is there.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, owner: UserId) -> Result<Summary, Error> {
        if let Some(summary) = self.0.lookups.count(self.0.kept.get(&owner)) {
            return Ok(Summary::clone(&summary));
        }
        let generation = *self.generation(owner);
        let summary = self.0.store.summary(owner, Summarize::LATEST).await?;
        let current = self.generation(owner);
        if *current == generation {
            self.0.kept.insert(owner, Arc::new(summary.clone()));
        }
        Ok(summary)
    }

    /// Announces a change of an owner's photos. Hold what it returns from before the change until it is committed: its drop,
    /// whatever became of the change, forgets the summary, and whoever read the store meanwhile keeps nothing.
    pub(super) fn outdate(&self, owner: UserId) -> Outdating {
        Outdating { summaries: self.clone(), owner }
    }

    fn generation(&self, owner: UserId) -> MutexGuard<'_, u64> {
        let stripe = usize::try_from(self.0.hasher.hash_one(owner) % STRIPES as u64).expect("it is below the stripes");
        self.0.generations[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change that is being made.
#[must_use = "its drop forgets the summary"]
pub(super) struct Outdating {
    summaries: Summaries,
    owner: UserId,
}

impl Drop for Outdating {
    fn drop(&mut self) {
        let mut generation = self.summaries.generation(self.owner);
        *generation += 1;
        self.summaries.0.kept.invalidate(&self.owner);
    }
}
