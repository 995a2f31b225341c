//! The calls that were begun and are not finished.

use std::{
    future::Future,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;
use tokio::task::JoinSet;

/// Counts begun calls, holds those that run beside their actor, and tells when the last has ended.
#[derive(Debug, Default)]
pub(crate) struct Works {
    begun: AtomicUsize,
    idle: AtomicWaker,
    tasks: Mutex<JoinSet<()>>,
}

impl Works {
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Acquire)
    }

    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn end(&self) {
        if self.begun.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.wake();
        }
    }

    /// Wakes `waker` when the last call ends.
    pub(crate) fn when_idle(&self, waker: &Waker) {
        self.idle.register(waker);
    }

    /// Runs `work` on this thread, beside the actor.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {} // lets go of those that have ended
        tasks.spawn_local(work);
    }

    /// Ends all work that runs beside the actor, at its next await.
    pub(crate) fn abort(&self) {
        self.tasks().abort_all();
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
