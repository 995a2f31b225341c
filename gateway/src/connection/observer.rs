//! Takes note of what no middleware sees: what becomes of a connection beside its requests.
//!
//! Invariant: whatever clients do, few records a second are made of it; how many were left out stands in the next one, and
//! metrics count them all.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::HttpMetrics;

/// What the connections of all workers tell.
pub(crate) struct Observer {
    metrics: Arc<dyn HttpMetrics>,
    cuts: Records,
}

impl Observer {
    /// Counts with `metrics`.
    pub(crate) fn new(metrics: Arc<dyn HttpMetrics>) -> Self {
        Self { metrics, cuts: Records::default() }
    }

    /// A client was cut off that takes its answer too slowly.
    pub(super) fn cut_off(&self) {
        self.metrics.cut_off();
        if let Some(left_out) = self.cuts.next() {
            tracing::info!(left_out, "client cut off that takes its answer too slowly");
        }
    }
}

/// Lets a few records through a second.
#[derive(Debug, Default)]
struct Records(Mutex<Second>);

/// The current second.
#[derive(Debug, Default)]
struct Second {
    began: Option<Instant>,
    made: u32,
    left_out: u64,
}

impl Records {
    const PER_SECOND: u32 = 10;

    /// How many were left out since the last one; none if this one is left out as well.
    fn next(&self) -> Option<u64> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if second.began.is_none_or(|began| began.elapsed() >= Duration::from_secs(1)) {
            (second.began, second.made) = (Some(Instant::now()), 0);
        }
        if second.made == Self::PER_SECOND {
            second.left_out += 1;
            return None;
        }
        second.made += 1;
        Some(std::mem::take(&mut second.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_makes_few_records_and_the_next_one_tells_how_many_were_left_out() {
        let records = Records::default();

        let made = (0..1000).filter(|_| records.next() == Some(0)).count();
        tokio::time::advance(Duration::from_secs(1)).await;

        assert_eq!(made, 10);
        assert_eq!((records.next(), records.next()), (Some(990), Some(0)));
    }
}
