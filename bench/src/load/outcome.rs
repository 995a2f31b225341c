//! What became of a plan.

use std::{collections::BTreeMap, time::Duration};

/// Durations, of which quantiles are asked.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<u64>);

impl Sample {
    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least duration that `share` of all do not exceed (the nearest rank); zero of an empty sample.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// The quantile in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.quantile(share).as_secs_f64() * 1e3
    }
}

/// What became of a plan.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How long it lasted, from the first due time to the last answer in it.
    pub lasted: Duration,
    /// Requests that were due.
    pub due: u64,
    /// Of those, requests that were not sent, because every connection was busy and the plan says so.
    pub unsent: u64,
    /// Latencies by status; of an open loop counted from the due time, of a closed one from sending.
    pub answers: BTreeMap<u16, Sample>,
    /// Refusals (503) without `Retry-After`.
    pub rude: u64,
    /// Requests that got no answer: their connection broke, or it was still out when the patience ended.
    pub broken: u64,
    /// How long after its due time a request was sent.
    pub lateness: Sample,
    /// How much of its time the generator had something to do; zero when it had no core of its own.
    pub busy_share: f64,
}

impl Outcome {
    /// The latencies of `status`.
    pub fn of(&self, status: u16) -> Sample {
        self.answers.get(&status).cloned().unwrap_or_default()
    }

    /// How many answers had `status`.
    pub fn count(&self, status: u16) -> usize {
        self.answers.get(&status).map_or(0, Sample::len)
    }

    /// All answers.
    pub fn answered(&self) -> usize {
        self.answers.values().map(Sample::len).sum()
    }

    /// Answers of `status` a second.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn rate(&self, status: u16) -> f64 {
        self.count(status) as f64 / self.lasted.as_secs_f64()
    }

    /// Whether each request got an answer of `status`.
    pub fn is_only(&self, status: u16) -> bool {
        self.broken == 0 && self.unsent == 0 && self.count(status) == self.answered()
    }

    /// What came back, in a line.
    pub fn describe(&self) -> String {
        let answers: Vec<_> =
            self.answers.iter().map(|(status, sample)| format!("{status}: {}", sample.len())).collect();
        format!("due {}, unsent {}, broken {}, {}", self.due, self.unsent, self.broken, answers.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let mut sample = Sample::default();
        for ms in (1..=100).rev() {
            sample.add(Duration::from_millis(ms));
        }

        let quantiles = [0.0, 0.5, 0.99, 1.0].map(|share| sample.quantile(share).as_millis());

        assert_eq!(quantiles, [1, 50, 99, 100]);
        assert_eq!(Sample::default().quantile(0.99), Duration::ZERO);
    }
}
