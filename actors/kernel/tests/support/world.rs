//! What a victim's test can see and steer.

use std::sync::{
    Arc, Once,
    atomic::{AtomicU32, Ordering},
};

use portico_kernel::testkit::Recorder;
use tokio::sync::Semaphore;

use super::Victim;

/// What outlives a victim, so that a test can look at what it did.
#[derive(Clone)]
pub(crate) struct World {
    /// What happened, in order.
    pub(crate) log: Recorder<String>,
    /// How many calls of [`Do`] began, by whichever incarnation.
    pub(crate) begun: Arc<AtomicU32>,
    /// Until when factories panic.
    pub(crate) factory_panics: Arc<AtomicU32>,
    /// Until when `started` panics.
    pub(crate) started_panics: Arc<AtomicU32>,
    /// What work that waits, waits for.
    pub(crate) gate: Arc<Gate>,
    /// Until when `stopping` panics.
    pub(crate) stopping_panics: Arc<AtomicU32>,
    /// Whether `stopped` panics.
    pub(crate) stopped_panics: bool,
    /// Until when the drop of an actor panics.
    pub(crate) drop_panics: Arc<AtomicU32>,
    /// Whether `started` tells the context to wait for the gate.
    pub(crate) waits_to_start: bool,
    /// Keeps no log, which would grow.
    pub(crate) forgets: bool,
    pub(crate) name: &'static str,
}

/// Shut at first.
pub(crate) struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Gate {
    pub(crate) async fn passed(&self) {
        drop(self.0.acquire().await.unwrap());
    }

    pub(crate) fn open(&self) {
        self.0.add_permits(1);
    }
}

impl Default for World {
    fn default() -> Self {
        quiet();
        Self {
            log: Recorder::new(),
            begun: Arc::default(),
            factory_panics: Arc::default(),
            started_panics: Arc::default(),
            gate: Arc::default(),
            stopping_panics: Arc::default(),
            stopped_panics: false,
            drop_panics: Arc::default(),
            waits_to_start: false,
            forgets: false,
            name: "",
        }
    }
}

/// Keeps panics that a test asked for off the terminal.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.payload_as_str().is_some_and(|said| said.starts_with("told to")) {
                report(panic);
            }
        }));
    });
}

impl World {
    pub(crate) fn named(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    pub(crate) fn victim(&self) -> Victim {
        assert!(!take_one(&self.factory_panics), "told to panic in the factory");
        Victim { count: 0, world: self.clone() }
    }

    pub(crate) fn note(&self, what: &str) {
        if self.forgets {
            return;
        }
        self.log.record(format!("{} {what}", self.name).trim().to_owned());
    }

    pub(crate) fn begun(&self) -> u32 {
        self.begun.load(Ordering::SeqCst)
    }
}

pub(crate) fn take_one(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// Blocks the thread until the gate opens, as no actor should.
pub(crate) fn gate_blocks(gate: &Gate) {
    while gate.0.try_acquire().is_err() {
        std::thread::yield_now();
    }
    gate.open();
}
