//! A log with a store in memory and a clock that the test moves.

use std::sync::Arc;

use portico_kernel::testkit::ManualClock;
use portico_log::{Inbox, Layer, Limits, Origin, channel, testkit::Memory};
use serde_json::Value;
use time::macros::datetime;
use tracing_subscriber::layer::SubscriberExt as _;

pub(crate) struct World {
    pub(crate) inbox: Inbox,
    pub(crate) store: Arc<Memory>,
    pub(crate) clock: ManualClock,
    layer: Option<Layer>,
}

pub(crate) fn world(limits: Limits) -> World {
    let clock = ManualClock::at(datetime!(2026-01-01 12:00:00.000_042 UTC));
    let (layer, inbox) = channel(Origin::new("node-1", "1.2.3"), limits, Arc::new(clock.clone()));
    World { inbox, store: Arc::default(), clock, layer: Some(layer) }
}

impl World {
    /// Logs from this thread go here until the guard is dropped.
    pub(crate) fn listen(&mut self) -> tracing::subscriber::DefaultGuard {
        let layer = self.layer.take().expect("a world listens once");
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    /// What the store has.
    pub(crate) fn written(&self) -> Vec<Value> {
        self.store.records().iter().map(|record| serde_json::from_slice(record.line()).unwrap()).collect()
    }

    /// The bodies of what the store has.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.written().iter().map(|record| record["Body"].as_str().unwrap_or_default().to_owned()).collect()
    }
}
