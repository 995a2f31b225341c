//! What clients were answered, and when.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{report::seconds, turn::Turn, wire::Watcher};

/// How many calls of a kind must succeed one after the other before that kind works again.
const RUN: usize = 3;

/// All calls of a trial.
#[derive(Default)]
pub(super) struct Calls(Mutex<Vec<Seen>>);

/// A call that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) turn: Turn,
    pub(super) sent: Instant,
    pub(super) took: Duration,
    /// Which of those that can be called it was sent to.
    pub(super) base: usize,
    /// None when the connection failed.
    pub(super) status: Option<u16>,
}

impl Seen {
    pub(super) fn succeeded(self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Calls {
    /// Writes down the calls of a kind.
    pub(super) fn watcher(self: &Arc<Self>, turn: Turn) -> Watcher {
        let calls = Arc::clone(self);
        Arc::new(move |sent, base, answer| {
            let status = answer.map(|answer| answer.status);
            calls.lock().push(Seen { turn, sent, took: sent.elapsed(), base, status });
        })
    }

    /// How many calls have ended.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Those that ended from one moment to another.
    pub(super) fn ended(&self, from: Instant, until: Instant) -> Vec<Seen> {
        self.lock().iter().filter(|seen| (from..until).contains(&(seen.sent + seen.took))).copied().collect()
    }

    /// How many calls had each status.
    pub(super) fn statuses(&self) -> BTreeMap<Option<u16>, u64> {
        let mut statuses = BTreeMap::new();
        self.lock().iter().for_each(|seen| *statuses.entry(seen.status).or_default() += 1);
        statuses
    }

    /// How long the slowest one took.
    pub(super) fn slowest(&self) -> Duration {
        self.lock().iter().map(|seen| seen.took).max().unwrap_or_default()
    }

    /// How long after `moment` the last kind of calls worked again: what was sent from then on succeeded [`RUN`] times, one
    /// after the other. None as long as one kind does not.
    pub(super) fn recovered(&self, moment: Instant) -> Option<Duration> {
        let seen = self.lock();
        let recovered = |turn: &Turn| {
            let mut later: Vec<_> = seen.iter().filter(|seen| seen.turn == *turn && seen.sent >= moment).collect();
            later.sort_by_key(|seen| seen.sent);
            let run = later.windows(RUN).find(|run| run.iter().all(|seen| seen.succeeded()))?;
            run.iter().map(|seen| seen.sent + seen.took).max()
        };
        let all: Option<Vec<_>> = Turn::EACH.iter().map(recovered).collect();
        all?.into_iter().max().map(|at| at - moment)
    }

    /// Of each kind that failed after `moment`: how often, of how many calls, and when for the last time.
    pub(super) fn failed(&self, moment: Instant) -> Vec<String> {
        let seen = self.lock();
        let tell = |turn: &Turn| {
            let later: Vec<_> = seen.iter().filter(|seen| seen.turn == *turn && seen.sent >= moment).collect();
            let failed: Vec<_> = later.iter().filter(|seen| !seen.succeeded()).collect();
            let last = failed.iter().map(|seen| seen.sent - moment).max()?;
            Some(format!("{turn:?}: {} of {}, the last one sent after {}", failed.len(), later.len(), seconds(last)))
        };
        Turn::EACH.iter().filter_map(tell).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(10);

    /// Calls of every kind, one each millisecond from `from` on, with these statuses.
    fn calls(from: Instant, statuses: &[u16]) -> Calls {
        let calls = Calls::default();
        for (at, status) in statuses.iter().enumerate() {
            let sent = from + Duration::from_millis(at as u64);
            calls.lock().extend(Turn::EACH.map(|turn| Seen { turn, sent, took: TOOK, base: 0, status: Some(*status) }));
        }
        calls
    }

    #[test]
    fn what_works_three_times_in_a_row_has_recovered() {
        let moment = Instant::now();

        let recovered = calls(moment, &[200, 200, 503, 204, 201, 200, 503]).recovered(moment);

        assert_eq!(recovered, Some(Duration::from_millis(5) + TOOK));
    }

    #[test]
    fn what_was_sent_before_says_nothing() {
        let moment = Instant::now();
        let calls = calls(moment, &[200, 200, 200, 200]);

        assert_eq!(calls.recovered(moment + Duration::from_millis(2)), None);
    }

    #[test]
    fn one_kind_that_does_not_work_is_enough() {
        let moment = Instant::now();
        let calls = calls(moment, &[200, 200, 200]);

        calls.lock().retain(|seen| seen.turn != Turn::Upload);

        assert_eq!(calls.recovered(moment), None);
    }
}
