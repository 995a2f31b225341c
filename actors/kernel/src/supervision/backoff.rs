//! How long to wait before another try.

use std::time::Duration;

use crate::chaos;

/// Exponential backoff with jitter: the first wait is `first`, each further one twice as long, up to `most`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The wait after the first crash.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
    /// Which share of a wait is left to chance, 0 to 1, so that actors that crashed together do not return together.
    pub jitter: f64,
    /// How long a life must last for its crash to count as a first one again.
    pub healthy: Duration,
}

impl Backoff {
    /// Never waits.
    pub const NONE: Self =
        Self { first: Duration::ZERO, most: Duration::ZERO, jitter: 0.0, healthy: Duration::from_mins(1) };

    /// The wait after `failures` crashes in a row that were waited for before.
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        chaos::wait(self.wait_at(failures, fastrand::f64()))
    }

    /// The same, with `chance` from 0 to 1.
    fn wait_at(&self, failures: u32, chance: f64) -> Duration {
        let doubled = 2_u32.checked_pow(failures).and_then(|factor| self.first.checked_mul(factor));
        let whole = doubled.map_or(self.most, |wait| wait.min(self.most));
        whole.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * chance)
    }
}

impl Default for Backoff {
    /// 10 ms, doubling up to 10 s, a quarter of it by chance; forgotten after a minute without a crash.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(10),
            most: Duration::from_secs(10),
            jitter: 0.25,
            healthy: Duration::from_mins(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: Backoff = Backoff {
        first: Duration::from_millis(10),
        most: Duration::from_millis(55),
        jitter: 0.0,
        healthy: Duration::from_secs(1),
    };

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = [0, 1, 2, 3, 4, 40].map(|failures| STEADY.wait(failures).as_millis());

        assert_eq!(waits, [10, 20, 40, 55, 55, 55]);
    }

    #[test]
    fn chance_shortens_a_wait_by_no_more_than_its_share() {
        let half = Backoff { jitter: 0.5, ..STEADY };

        let waits = [0.0, 0.5, 1.0].map(|chance| half.wait_at(2, chance).as_millis());

        assert_eq!(waits, [40, 30, 20]);
    }
}
