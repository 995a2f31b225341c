//! What became of the records that were offered.

use std::collections::BTreeMap;

use time::Duration;

use crate::Service;

/// Counters since the process began. `offered` is the sum of `accepted`, `refused` and `waiting`, as nearly as counters
/// that are read one after the other can be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Records that were logged.
    pub offered: u64,
    /// Records that are on disk.
    pub accepted: u64,
    /// Records that found the queue full.
    pub refused: u64,
    /// Refused records of each service.
    pub refused_by_service: BTreeMap<Service, u64>,
    /// Records in the queue and in hand.
    pub waiting: u64,
    /// Bytes in the queue; what is in hand is no longer counted.
    pub waiting_bytes: usize,
    /// Times that the store failed.
    pub failures: u64,
    /// Whether the store's last answer was a failure.
    pub failing: bool,
    /// How long the oldest record of the batch in hand has waited.
    pub lag: Duration,
}
