//! How often a cache had what was wanted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts what came of looking into a cache.
#[derive(Debug, Default)]
pub struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What a cache holds, and how often it had what was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLoad {
    /// How many entries it holds, about.
    pub entries: u64,
    /// How often it had what was wanted.
    pub hits: u64,
    /// How often it had not.
    pub misses: u64,
}

impl Lookups {
    /// Counts what was found, or that nothing was.
    pub fn count<T>(&self, found: Option<T>) -> Option<T> {
        let counted = if found.is_some() { &self.hits } else { &self.misses };
        counted.fetch_add(1, Relaxed);
        found
    }

    /// The counts of a cache that holds so many `entries`.
    pub fn load(&self, entries: u64) -> CacheLoad {
        CacheLoad { entries, hits: self.hits.load(Relaxed), misses: self.misses.load(Relaxed) }
    }
}
