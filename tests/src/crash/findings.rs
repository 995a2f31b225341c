//! What a run counted, and what it found wrong. Shared by everybody who takes part.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

/// The most violations that are kept; more of them say nothing new.
const VIOLATIONS_MAX: usize = 200;

/// Counts and violations.
#[derive(Default)]
pub struct Findings {
    violations: Mutex<Vec<String>>,
    told: AtomicUsize,
    counts: Mutex<BTreeMap<String, u64>>,
    acknowledged: AtomicU64,
    progress: Notify,
}

impl Findings {
    /// Notes that something promised does not hold.
    pub(crate) fn violation(&self, text: impl Into<String>) {
        let mut violations = lock(&self.violations);
        if violations.len() < VIOLATIONS_MAX {
            violations.push(text.into());
        }
    }

    /// Notes a violation unless `holds`. Answers whether it holds.
    pub(crate) fn hold(&self, holds: bool, text: impl FnOnce() -> String) -> bool {
        if !holds {
            self.violation(text());
        }
        holds
    }

    /// Counts one more of a kind.
    pub(crate) fn count(&self, kind: &str) {
        self.add(kind, 1);
    }

    /// Counts so many more of a kind.
    pub(super) fn add(&self, kind: &str, more: u64) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(kind) {
            *count += more;
        } else {
            counts.insert(kind.to_owned(), more);
        }
    }

    /// Takes over what another run counted and found wrong; `what` says which.
    pub(super) fn absorb(&self, what: &str, other: &Self) {
        other.violations().iter().for_each(|violation| self.violation(format!("{what}: {violation}")));
        other.counts().iter().for_each(|(kind, count)| self.add(kind, *count));
    }

    /// Counts an operation that the node acknowledged.
    pub(super) fn acknowledged(&self, kind: &str) {
        self.count(&format!("acknowledged: {kind}"));
        self.acknowledged.fetch_add(1, Ordering::AcqRel);
        self.progress.notify_waiters();
    }

    /// Waits until `more` further operations were acknowledged.
    pub(super) async fn progress(&self, more: u64) {
        let target = self.acknowledged.load(Ordering::Acquire) + more;
        loop {
            let progress = self.progress.notified();
            if self.acknowledged.load(Ordering::Acquire) >= target {
                return;
            }
            progress.await;
        }
    }

    /// Violations that this has not answered before.
    pub(super) fn news(&self) -> Vec<String> {
        let violations = lock(&self.violations);
        violations[self.told.swap(violations.len(), Ordering::AcqRel)..].to_vec()
    }

    /// How many of a kind were counted.
    pub fn counted(&self, kind: &str) -> u64 {
        lock(&self.counts).get(kind).copied().unwrap_or_default()
    }

    /// How many were counted of all kinds that begin so.
    pub fn total(&self, beginning: &str) -> u64 {
        lock(&self.counts).iter().filter(|(kind, _)| kind.starts_with(beginning)).map(|(_, count)| count).sum()
    }

    /// Everything that was counted.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        lock(&self.counts).clone()
    }

    /// What does not hold: empty after a good run.
    pub fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
