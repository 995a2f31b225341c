//! How fast a client takes what is sent to it.
//!
//! Time counts while a write is blocked, and no other: neither that of a slow store nor that between requests. Against it
//! counts what was written, since a kernel that holds little unsent data (see `listener`) takes more only when the client has
//! taken as much. Nothing is saved up: a client that was fast is asked for the least rate all the same.

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;

/// The least that a client must take.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeastRate {
    bytes_per_s: u64,
    /// How far it may fall behind that; it is the longest pause as well.
    lag_max: Duration,
}

impl LeastRate {
    /// What the configuration says.
    pub(super) fn new(deadlines: &portico_config::Deadlines) -> Self {
        let lag_max = Duration::from_millis(deadlines.answer_idle_ms);
        Self { bytes_per_s: deadlines.answer_min_bytes_per_s, lag_max }
    }

    /// How long so many bytes may take.
    fn time_for(self, bytes: usize) -> Duration {
        let micros = (bytes as u64).saturating_mul(1_000_000).checked_div(self.bytes_per_s);
        micros.map_or(Duration::MAX, Duration::from_micros) // without a least rate any byte will do
    }
}

/// How far a client is behind.
#[derive(Debug, Default)]
pub(super) struct Lag {
    blocked_since: Cell<Option<Instant>>,
    /// As it was then.
    before: Cell<Duration>,
}

impl Lag {
    /// Nothing more can be written.
    pub(super) fn block(&self) {
        if self.blocked_since.get().is_none() {
            self.blocked_since.set(Some(Instant::now()));
        }
    }

    /// So many bytes were written.
    pub(super) fn take(&self, bytes: usize, rate: LeastRate) {
        let blocked = self.blocked_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.before.update(|before| (before + blocked).saturating_sub(rate.time_for(bytes)));
    }

    /// When the client is to be cut off, if it goes on taking nothing; none while nothing is blocked.
    pub(super) fn due(&self, rate: LeastRate) -> Option<Instant> {
        self.blocked_since.get().map(|since| since + rate.lag_max.saturating_sub(self.before.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: LeastRate = LeastRate { bytes_per_s: 1024, lag_max: Duration::from_mins(1) };

    /// A client that takes `bytes` each `every` of what blocks, for at most an hour: when it is cut off.
    async fn cut_off(lag: &Lag, rate: LeastRate, bytes: usize, every: Duration) -> Option<Duration> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_hours(1) {
            lag.block();
            let due = lag.due(rate).unwrap();
            if due < Instant::now() + every {
                return Some(due - begun);
            }
            tokio::time::advance(every).await;
            lag.take(bytes, rate);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off_after_the_longest_pause() {
        assert_eq!(cut_off(&Lag::default(), RATE, 0, Duration::from_hours(2)).await, Some(Duration::from_mins(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_above_the_least_rate_is_never_cut_off_however_coarse_its_pieces_are() {
        for (bytes, seconds) in [(4 * 1024, 1), (1024, 1), (64 * 1024, 16), (60 * 1024, 60)] {
            let cut_off = cut_off(&Lag::default(), RATE, bytes, Duration::from_secs(seconds)).await;

            assert_eq!(cut_off, None, "{bytes} bytes each {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_trickles_is_cut_off() {
        let soon = cut_off(&Lag::default(), RATE, 64, Duration::from_secs(1)).await.unwrap();
        let late = cut_off(&Lag::default(), RATE, 900, Duration::from_secs(1)).await.unwrap();

        assert_eq!((soon.as_secs(), late.as_secs()), (63, 488));
    }

    #[tokio::test(start_paused = true)]
    async fn having_been_fast_saves_up_nothing() {
        let lag = Lag::default();
        lag.take(1 << 30, RATE);

        assert!(cut_off(&lag, RATE, 64, Duration::from_secs(1)).await.unwrap() < Duration::from_secs(70));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_is_blocked_does_not_count() {
        let lag = Lag::default();
        lag.block();
        lag.take(1, RATE);
        tokio::time::advance(Duration::from_hours(1)).await;

        assert_eq!(lag.due(RATE), None);
    }
}
