//! A store in memory.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use async_trait::async_trait;
use portico_kernel::StoreError;
use tokio::sync::Semaphore;

use crate::{Record, Store};

/// Keeps records in memory, and fails, panics or stands still when told to.
pub struct Memory {
    kept: Mutex<Vec<Record>>,
    failures: AtomicUsize,
    panics: AtomicUsize,
    calls: AtomicUsize,
    gate: Semaphore,
}

impl Default for Memory {
    fn default() -> Self {
        let (failures, panics, calls) = Default::default();
        Self { kept: Mutex::default(), failures, panics, calls, gate: Semaphore::new(Semaphore::MAX_PERMITS) }
    }
}

impl Memory {
    /// What it has, in the order in which it came.
    pub fn records(&self) -> Vec<Record> {
        self.kept().clone()
    }

    /// What it has, as text.
    pub fn text(&self) -> String {
        self.kept().iter().map(|record| String::from_utf8_lossy(record.line()).into_owned()).collect()
    }

    /// How often it was asked to append.
    pub fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// The next `times` appends keep half of their batch and fail.
    pub fn fail(&self, times: usize) {
        self.failures.store(times, Relaxed);
    }

    /// The next `times` appends keep half of their batch and panic.
    pub fn panic(&self, times: usize) {
        self.panics.store(times, Relaxed);
    }

    /// Appends wait until [`resume`](Self::resume).
    pub fn stand_still(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Appends go on.
    pub fn resume(&self) {
        self.gate.add_permits(1_000);
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Record>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, records: &[Record]) {
        let mut kept = self.kept();
        for record in records {
            let known = |other: &Record| {
                (&other.service, &other.instance, other.boot) == (&record.service, &record.instance, record.boot)
            };
            let mark = kept.iter().filter(|other| known(other)).map(|other| other.sequence).max();
            if mark.is_none_or(|mark| mark < record.sequence) {
                kept.push(record.clone());
            }
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn append(&self, batch: Arc<[Record]>) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Relaxed);
        let _pass = self.gate.acquire().await.map_err(|closed| StoreError::Broken(closed.into()))?;
        let half = &batch[..batch.len().div_ceil(2)];
        if take_one(&self.panics) {
            self.keep(half);
            panic!("as the test told it");
        }
        if take_one(&self.failures) {
            self.keep(half);
            return Err(StoreError::Full("as the test told it".into()));
        }
        self.keep(&batch);
        Ok(())
    }

    async fn tend(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}
