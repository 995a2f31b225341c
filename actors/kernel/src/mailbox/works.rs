//! The calls that were begun and are not finished.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;
use tokio::task::JoinSet;

use crate::tree::NodeCell;

/// Counts begun calls, holds those that run beside their actor, and tells when the last has ended.
pub(crate) struct Works {
    node: Arc<NodeCell>,
    begun: AtomicUsize,
    /// Whether somebody waits for the last to end. Nobody does but in a drain, and each call would look for a waker.
    awaited: AtomicBool,
    idle: AtomicWaker,
    tasks: Mutex<JoinSet<()>>,
}

impl Works {
    pub(crate) fn new(node: Arc<NodeCell>) -> Arc<Self> {
        Arc::new(Self {
            node,
            begun: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            idle: AtomicWaker::new(),
            tasks: Mutex::default(),
        })
    }

    /// Whose calls they are.
    pub(crate) fn node(&self) -> &NodeCell {
        &self.node
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn end(&self) {
        // Sequentially consistent, as is whoever waits: it says so and then counts; here it is counted and then looked.
        if self.begun.fetch_sub(1, Ordering::SeqCst) == 1 && self.awaited.load(Ordering::SeqCst) {
            self.idle.wake();
        }
    }

    /// Wakes `waker` when the last call ends. Ask [`Self::begun`] afterwards: it may have ended before.
    pub(crate) fn when_idle(&self, waker: &Waker) {
        self.idle.register(waker);
        self.awaited.store(true, Ordering::SeqCst);
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
