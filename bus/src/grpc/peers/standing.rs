//! Whether a node is asked, by how it answered lately (outlier ejection, after Envoy).
//!
//! A node that fails a few times in a row, or cannot be connected to, is ejected: it is not asked for a while, which grows
//! each time. Then one call at a time tries it, until it answers.

use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row eject a node.
const FAILURES_MAX: u32 = 3;
/// For how long at first; it doubles each time,
const EJECTED_FIRST: Duration = Duration::from_secs(1);
/// up to this. A node that stood well for as long since starts anew.
const EJECTED_MOST: Duration = Duration::from_secs(30);

/// How a node stands.
#[derive(Debug)]
pub(super) struct Standing {
    state: State,
    /// Ejections in a row.
    rounds: u32,
    pub(super) failures: u64,
    pub(super) ejections: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Well { since: Instant, failed: u32 },
    Ejected { until: Instant },
}

impl Standing {
    pub(super) fn new(now: Instant) -> Self {
        Self { state: State::Well { since: now, failed: 0 }, rounds: 0, failures: 0, ejections: 0 }
    }

    /// Whether a node with `in_flight` calls may be asked. One that was ejected is tried by one call at a time.
    pub(super) fn is_healthy(&self, in_flight: usize, now: Instant) -> bool {
        match self.state {
            State::Well { .. } => true,
            State::Ejected { until } => now >= until && in_flight == 0,
        }
    }

    pub(super) fn answered(&mut self, now: Instant) {
        match &mut self.state {
            State::Well { failed, .. } => *failed = 0,
            // Calls that were made before, or since there was none other, tell as well.
            State::Ejected { .. } => self.state = State::Well { since: now, failed: 0 },
        }
    }

    /// Notes a call that failed. True when it ejects the node.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Well { failed, .. } if *failed + 1 < FAILURES_MAX => {
                *failed += 1;
                self.failures += 1;
                false
            }
            _ => self.unreachable(now),
        }
    }

    /// Notes a connection that was not made, which ejects at once: there is nobody. True when it does.
    pub(super) fn unreachable(&mut self, now: Instant) -> bool {
        self.failures += 1;
        match self.state {
            State::Ejected { until } if now < until => return false,
            State::Well { since, .. } if now.duration_since(since) >= EJECTED_MOST => self.rounds = 0,
            State::Ejected { .. } | State::Well { .. } => {}
        }
        self.eject(now);
        true
    }

    fn eject(&mut self, now: Instant) {
        let wait = EJECTED_FIRST.saturating_mul(2_u32.saturating_pow(self.rounds)).min(EJECTED_MOST);
        self.rounds = self.rounds.saturating_add(1);
        self.ejections += 1;
        self.state = State::Ejected { until: now + wait };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    fn failing(standing: &mut Standing, times: u32, now: Instant) {
        for _ in 0..times {
            standing.failed(now);
        }
    }

    #[test]
    fn failures_in_a_row_eject_and_an_answer_between_them_does_not_let_them_add_up() {
        let now = Instant::now();
        let mut standing = Standing::new(now);

        failing(&mut standing, 2, now);
        standing.answered(now);
        failing(&mut standing, 2, now);
        assert!(standing.is_healthy(5, now));

        standing.failed(now);
        assert!(!standing.is_healthy(0, now));
        assert_eq!((standing.failures, standing.ejections), (5, 1));
    }

    #[test]
    fn a_node_that_cannot_be_connected_to_is_ejected_at_once() {
        let now = Instant::now();
        let mut standing = Standing::new(now);

        assert!(standing.unreachable(now));
        assert!(!standing.unreachable(now), "it is ejected already");

        assert!(!standing.is_healthy(0, now));
        assert_eq!((standing.failures, standing.ejections), (2, 1));
    }

    #[test]
    fn an_ejected_node_is_tried_by_one_call_at_a_time_until_it_answers() {
        let now = Instant::now();
        let mut standing = Standing::new(now);
        failing(&mut standing, 3, now);

        let later = now + EJECTED_FIRST;
        assert!(!standing.is_healthy(0, later - MOMENT));
        assert!(standing.is_healthy(0, later));
        assert!(!standing.is_healthy(1, later));

        standing.answered(later);
        assert!(standing.is_healthy(1, later));
    }

    #[test]
    fn each_ejection_is_twice_as_long_as_the_last_up_to_half_a_minute() {
        let mut now = Instant::now();
        let mut standing = Standing::new(now);
        failing(&mut standing, 3, now);

        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let until = now + Duration::from_secs(seconds);
            assert!(!standing.is_healthy(0, until - MOMENT), "{seconds}");
            assert!(standing.is_healthy(0, until), "{seconds}");
            now = until;
            standing.failed(now);
        }
    }

    #[test]
    fn what_fails_during_an_ejection_does_not_prolong_it() {
        let now = Instant::now();
        let mut standing = Standing::new(now);
        failing(&mut standing, 3, now);

        failing(&mut standing, 10, now + EJECTED_FIRST / 2);

        assert!(standing.is_healthy(0, now + EJECTED_FIRST));
        assert_eq!(standing.ejections, 1);
    }

    #[test]
    fn a_node_that_stood_well_for_long_starts_anew() {
        let mut now = Instant::now();
        let mut standing = Standing::new(now);
        failing(&mut standing, 3, now);
        now += EJECTED_FIRST;
        standing.failed(now); // ejected for 2 s

        now += Duration::from_secs(2);
        standing.answered(now);
        now += EJECTED_MOST;
        failing(&mut standing, 3, now);

        assert!(standing.is_healthy(0, now + EJECTED_FIRST));
    }
}
