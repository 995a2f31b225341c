//! How long calls take, in buckets that are counted without a lock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

/// Upper bounds of the buckets in seconds, inclusive; slower calls count in one more. From a local mailbox to the
/// longest deadline, in the steps that OpenTelemetry's semantic conventions advise for durations, with finer ones below.
pub const LATENCY_BOUNDS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// A histogram of durations.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; LATENCY_BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

/// How long calls took, from being accepted to being answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    /// Calls per bucket of [`LATENCY_BOUNDS`]; the last counts the slower ones. Not cumulative.
    pub counts: [u64; LATENCY_BOUNDS.len() + 1],
    /// All durations together, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    pub(crate) fn record(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = LATENCY_BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Latency {
        Latency {
            counts: std::array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed)),
            sum_s: Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed)).as_secs_f64(),
        }
    }
}

impl Latency {
    /// How many calls were measured.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();

        histogram.record(Duration::from_micros(50));
        histogram.record(Duration::from_millis(600));
        histogram.record(Duration::from_mins(1));

        let latency = histogram.snapshot();
        assert_eq!((latency.counts[0], latency.counts[12], latency.counts[14]), (1, 1, 1));
        assert_eq!(latency.count(), 3);
        assert!((latency.sum_s - 60.600_05).abs() < 1e-9);
    }
}
