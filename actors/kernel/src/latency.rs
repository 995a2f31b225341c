//! How long calls take, in buckets that are counted without a lock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

/// From a local mailbox to the longest deadline, in the steps that OpenTelemetry's semantic conventions advise for
/// durations, with finer ones below.
const BOUNDS: [Duration; 14] = [
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Upper bounds of the buckets in seconds, inclusive; slower calls count in one more.
pub const LATENCY_BOUNDS: [f64; BOUNDS.len()] = {
    let mut seconds = [0.0; BOUNDS.len()];
    let mut bound = 0;
    while bound < BOUNDS.len() {
        seconds[bound] = BOUNDS[bound].as_secs_f64();
        bound += 1;
    }
    seconds
};

/// A histogram of durations.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
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
        let bucket = BOUNDS.partition_point(|bound| *bound < duration);
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
