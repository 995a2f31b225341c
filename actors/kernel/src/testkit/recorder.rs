//! Remembers what happened, in order, from whichever thread, and lets a test wait for it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Remembers values in the order in which they came. Clones share what they remember.
pub struct Recorder<T>(Arc<Inner<T>>);

struct Inner<T> {
    seen: Mutex<Vec<T>>,
    changed: Notify,
}

impl<T: Clone> Recorder<T> {
    /// Remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers `value`.
    pub fn record(&self, value: T) {
        self.lock().push(value);
        self.0.changed.notify_waiters();
    }

    /// Everything so far.
    pub fn seen(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Forgets everything, and answers it.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.lock())
    }

    /// Waits until at least `count` values came, and answers everything so far.
    pub async fn wait_for(&self, count: usize) -> Vec<T> {
        loop {
            let changed = self.0.changed.notified();
            let seen = self.seen();
            if seen.len() >= count {
                return seen;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Recorder<T> {
    fn default() -> Self {
        Self(Arc::new(Inner { seen: Mutex::new(Vec::new()), changed: Notify::new() }))
    }
}

impl<T> Clone for Recorder<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Recorder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).iter()).finish()
    }
}
