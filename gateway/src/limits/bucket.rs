//! Token buckets by key (GCRA, through `governor`).

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::Clock as _, middleware::StateInformationMiddleware};
use portico_config::Rate;
use portico_kernel::{Blame, Client, Fault};

use super::{
    cells::Cells,
    standing::{Policy, Standing},
    time::Time,
};

/// A bucket for each key, all of one rate.
pub(super) struct Bucket<K: Hash + Eq + Copy + Send + Sync + 'static> {
    policy: Arc<Policy>,
    quota: Quota,
    cells: Cells<K>,
    limiter: RateLimiter<K, Cells<K>, Time, StateInformationMiddleware>,
    allowed: AtomicU64,
    limited: AtomicU64,
}

impl<K: Hash + Eq + Copy + Send + Sync + 'static> Bucket<K> {
    /// Full buckets; at most `keys_max` are remembered.
    pub(super) fn new(name: &'static str, rate: Rate, keys_max: u64, time: &Time) -> Self {
        let quota = quota(rate);
        let cells = Cells::new(keys_max);
        let limiter = RateLimiter::new(quota, cells.clone(), time.clone());
        let policy = Arc::new(Policy::new(name, quota));
        Self { policy, quota, cells, limiter, allowed: AtomicU64::new(0), limited: AtomicU64::new(0) }
    }

    /// Takes a token out of the bucket of `key`, and counts what came of it.
    ///
    /// # Errors
    /// The client's: the bucket is empty.
    pub(super) fn take(&self, key: K) -> Result<Standing, Limited> {
        let taken = self.try_take(key);
        self.tally(taken.is_ok());
        taken
    }

    /// Takes a token out of the bucket of `key` for an attempt that may be repeated: its end is told by [`Self::tally`].
    ///
    /// # Errors
    /// The client's: the bucket is empty.
    pub(super) fn try_take(&self, key: K) -> Result<Standing, Limited> {
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(Standing::new(&self.policy, state.remaining_burst_capacity())),
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                Err(Limited { standing: Standing::new(&self.policy, 0), wait })
            }
        }
    }

    /// Counts that it allowed or refused.
    pub(super) fn tally(&self, allowed: bool) {
        let count = if allowed { &self.allowed } else { &self.limited };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts a token that was taken back into the bucket of `key`. What others took stays taken.
    pub(super) fn give_back(&self, key: K) {
        self.cells.give_back(&key, self.quota.replenish_interval());
    }

    /// How often it allowed and refused.
    pub(super) fn count(&self) -> Count {
        Count {
            limit: self.policy.name,
            allowed: self.allowed.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
        }
    }
}

fn quota(rate: Rate) -> Quota {
    /// Past this a bucket never refills in practice; it keeps nanoseconds inside of 64 bits.
    const REFILL_MAX: Duration = Duration::from_hours(100 * 365 * 24);
    let interval = Duration::from_secs_f64(1.0 / rate.per_s).max(Duration::from_nanos(1));
    let burst_max = u32::try_from(REFILL_MAX.as_nanos() / interval.as_nanos()).unwrap_or(u32::MAX);
    let burst = NonZeroU32::new(rate.burst.min(burst_max)).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(interval).expect("the interval is at least a nanosecond").allow_burst(burst)
}

/// How often a limit allowed and refused since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The limit's name.
    pub limit: &'static str,
    /// What it let through.
    pub allowed: u64,
    /// What it refused.
    pub limited: u64,
}

/// A bucket is empty.
#[derive(Debug, Clone, thiserror::Error)]
#[error("too many requests")]
pub(crate) struct Limited {
    /// Of which limit.
    pub(super) standing: Standing,
    /// Until there is a token again.
    pub(super) wait: Duration,
}

impl Blame for Limited {
    fn fault(&self) -> Fault {
        Fault::Client(Client::TooMany)
    }

    fn code(&self) -> &'static str {
        "rate_limited"
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::time::FakeTime, *};

    const RATE: Rate = Rate { burst: 3, per_s: 0.1 };

    fn bucket(keys_max: u64) -> (Bucket<u64>, FakeTime) {
        let time = FakeTime::default();
        (Bucket::new("test", RATE, keys_max, &time.clone().into()), time)
    }

    #[test]
    fn a_bucket_counts_down_and_refills() {
        let (bucket, time) = bucket(10);
        let remaining: Vec<_> = (0..3).map(|_| bucket.take(1).unwrap().remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);

        let limited = bucket.take(1).unwrap_err();
        time.advance(limited.wait);

        assert_eq!(limited.wait, Duration::from_secs(10));
        assert!(bucket.take(1).is_ok());
        assert!(bucket.take(1).is_err());
    }

    #[test]
    fn what_is_given_back_is_one_token_and_no_more() {
        let (bucket, _) = bucket(10);
        for _ in 0..3 {
            bucket.take(1).unwrap();
        }

        bucket.give_back(1);

        assert_eq!(bucket.take(1).unwrap().remaining, 0);
        assert!(bucket.take(1).is_err());
    }

    #[test]
    fn giving_back_never_fills_a_bucket_past_its_burst() {
        let (bucket, time) = bucket(10);
        bucket.take(1).unwrap();
        time.advance(Duration::from_hours(1));

        bucket.give_back(1);

        assert_eq!((0..10).filter(|_| bucket.take(1).is_ok()).count(), 3);
    }

    #[test]
    fn keys_are_bounded_and_the_least_recently_seen_is_forgotten_first() {
        let (bucket, _) = bucket(100);
        for _ in 0..3 {
            bucket.take(0).unwrap();
        }

        for key in 1..10_000 {
            bucket.take(key).unwrap();
            if key % 10 == 0 {
                assert!(bucket.take(0).is_err(), "seen again and again, it is remembered; lost at {key}");
            }
        }

        assert!(bucket.cells.len() <= 100);
        assert!(bucket.take(1).is_ok());
    }

    #[test]
    fn keys_are_bounded_however_many_shards_they_are_in() {
        let (bucket, _) = bucket(10_000);

        for key in 0..50_000 {
            bucket.take(key).unwrap();
        }

        assert!((9_000..=10_000).contains(&bucket.cells.len()), "{}", bucket.cells.len());
    }

    #[test]
    fn the_slowest_and_largest_rates_that_can_be_configured_are_sound() {
        let time = FakeTime::default();
        for rate in [Rate { burst: u32::MAX, per_s: 1e-6 }, Rate { burst: u32::MAX, per_s: 1e6 }] {
            let bucket = Bucket::new("test", rate, 10, &time.clone().into());

            assert!(bucket.take(1).is_ok());
        }
    }

    #[test]
    fn allowed_and_limited_are_counted() {
        let (bucket, _) = bucket(10);

        for _ in 0..5 {
            let _ = bucket.take(1);
        }

        assert_eq!(bucket.count(), Count { limit: "test", allowed: 3, limited: 2 });
    }
}
