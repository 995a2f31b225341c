//! The living counts behind a node of the tree.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Kind, Node, Restarts, State};
use crate::{latency::Histogram, mailbox::Load};

/// Why something that should run does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    Panic,
    Arbiter,
    Blocked,
    Stopped,
    Escalated,
    Sibling,
}

type ReadLoad = Box<dyn Fn() -> Load + Send + Sync>;

/// A node's counts, shared by everybody who counts.
pub(crate) struct NodeCell {
    name: String,
    path: String,
    kind: Kind,
    state: Mutex<State>,
    incarnation: AtomicU64,
    restarts: Mutex<Restarts>,
    crashed: AtomicU64,
    overloaded: AtomicU64,
    late: AtomicU64,
    latency: Histogram,
    load: Mutex<Option<ReadLoad>>,
    children: Mutex<Vec<Arc<NodeCell>>>,
}

impl NodeCell {
    pub(crate) fn root(name: &str) -> Arc<Self> {
        Arc::new(Self::new(name.to_owned(), String::new(), Kind::Supervisor))
    }

    /// A new last child.
    pub(crate) fn child(&self, name: &str, kind: Kind) -> Arc<Self> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        let child = Arc::new(Self::new(name.to_owned(), path, kind));
        lock(&self.children).push(Arc::clone(&child));
        child
    }

    fn new(name: String, path: String, kind: Kind) -> Self {
        Self {
            name,
            path,
            kind,
            state: Mutex::new(State::Starting),
            incarnation: AtomicU64::new(0),
            restarts: Mutex::default(),
            crashed: AtomicU64::new(0),
            overloaded: AtomicU64::new(0),
            late: AtomicU64::new(0),
            latency: Histogram::default(),
            load: Mutex::new(None),
            children: Mutex::default(),
        }
    }

    /// Its names from below the root, joined by `/`; empty at the root.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn read_load_by(&self, load: impl Fn() -> Load + Send + Sync + 'static) {
        *lock(&self.load) = Some(Box::new(load));
    }

    pub(crate) fn set(&self, state: State) {
        *lock(&self.state) = state;
    }

    pub(crate) fn starts(&self) {
        self.set(State::Starting);
        self.incarnation.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn restarts(&self, cause: Cause) {
        let mut restarts = lock(&self.restarts);
        *match cause {
            Cause::Panic => &mut restarts.panic,
            Cause::Arbiter => &mut restarts.arbiter,
            Cause::Blocked => &mut restarts.blocked,
            Cause::Stopped => &mut restarts.stopped,
            Cause::Escalated => &mut restarts.escalated,
            Cause::Sibling => &mut restarts.sibling,
        } += 1;
    }

    pub(crate) fn handled(&self, after: Duration) {
        self.latency.record(after);
    }

    pub(crate) fn crashed(&self) {
        self.crashed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn overloaded(&self) {
        self.overloaded.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Node {
        let load = lock(&self.load).as_ref().map(|read| read()).unwrap_or_default();
        let children = lock(&self.children).clone();
        let latency = self.latency.snapshot();
        Node {
            name: self.name.clone(),
            kind: self.kind,
            state: *lock(&self.state),
            incarnation: self.incarnation.load(Ordering::Relaxed),
            restarts: *lock(&self.restarts),
            depth: load.depth,
            oldest_ms: load.oldest_ms,
            in_flight: load.in_flight,
            handled: latency.count(),
            crashed: self.crashed.load(Ordering::Relaxed),
            overloaded: self.overloaded.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
            latency,
            children: children.iter().map(|child| child.snapshot()).collect(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
