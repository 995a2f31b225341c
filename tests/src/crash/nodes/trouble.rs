//! What befalls nodes and the ways between them, and what clients may be answered meanwhile.

use std::{collections::BTreeMap, fmt, time::Duration};

use tokio::time::Instant;

use super::super::{
    calls::{Calls, Seen},
    faults::Fault,
    report::seconds,
};
use crate::{Pace, Proxy};

/// A node's own bound on a request, by default.
const DEADLINE: Duration = Duration::from_secs(10);
/// What an answer may be later than that: the machine's cores are shared by eight nodes, four servers and the clients.
const SLACK: Duration = Duration::from_secs(1);
/// Connections of a node that was killed may look well to its clients for so long.
const UNNOTICED: Duration = Duration::from_millis(100);

/// What befalls a node, or a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// SIGTERM, and it is started again when it has ended.
    Restart,
    /// SIGKILL, and it is started again after a while.
    Kill,
    /// Each byte takes long, each way.
    Late,
    /// Few bytes pass in a second.
    Thin,
    /// Every connection ends, and others are made.
    Cut,
    /// Connections stay open, and nothing passes.
    Frozen,
}

impl Trouble {
    /// Those of ways.
    pub(super) const OF_WAYS: [Self; 4] = [Self::Late, Self::Cut, Self::Thin, Self::Frozen];

    /// Begins on a way.
    pub(super) fn begin(self, way: &Proxy) {
        match self {
            Self::Late => way.pace(Fault::Late.pace()),
            Self::Thin => way.pace(Fault::Thin.pace()),
            Self::Cut => way.cut(),
            Self::Frozen => way.block(),
            Self::Restart | Self::Kill => {} // no matter of ways
        }
    }

    /// Ends on it.
    pub(super) fn end(way: &Proxy) {
        way.pace(Pace::default());
        way.unblock();
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restarted",
            Self::Kill => "killed",
            Self::Late => "200 ms each way",
            Self::Thin => "16 KiB/s",
            Self::Cut => "cut",
            Self::Frozen => "frozen",
        })
    }
}

/// A trouble, from when it began until the next one did. What ended in that time is its own.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) trouble: Trouble,
    /// Whose it was: `user-1`, or `gateway-1 to user-2`.
    pub(super) whose: String,
    /// Which of the gateways it was, if it was one.
    pub(super) gateway: Option<usize>,
    pub(super) began: Instant,
    /// When the system had cleared away what was killed, or the way was well again.
    pub(super) over: Instant,
    pub(super) until: Instant,
}

impl Window {
    /// What came of it, where no call may fail that is sent so long after it began, or was over.
    pub(super) fn judge(&self, calls: &Calls, recovery_max: Duration) -> Event {
        let seen = calls.ended(self.began, self.until);
        let mut statuses = BTreeMap::new();
        for seen in &seen {
            *statuses.entry(seen.status).or_default() += 1;
        }
        let slowest = seen.iter().map(|seen| seen.took).max().unwrap_or_default();
        let recovered = seen.iter().filter(|seen| !seen.succeeded()).map(|seen| self.after(seen.sent)).max();
        let mut event = Event {
            trouble: self.trouble,
            whose: self.whose.clone(),
            statuses,
            slowest,
            recovered,
            broken: Vec::new(),
        };
        event.broken = self.broken(&seen, &event, recovery_max);
        event
    }

    /// How long after the trouble began, or was over, a moment lies; nothing if it lies before.
    fn after(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(if moment >= self.over { self.over } else { self.began })
    }

    fn broken(&self, seen: &[Seen], event: &Event, recovery_max: Duration) -> Vec<String> {
        let mut broken: Vec<_> = seen.iter().filter(|seen| !self.allows(seen)).map(|seen| self.tell(seen)).collect();
        if event.slowest > DEADLINE + SLACK {
            broken.push(format!("an answer took {}", seconds(event.slowest)));
        }
        if let Some(recovered) = event.recovered.filter(|recovered| *recovered > recovery_max) {
            broken.push(format!("a call failed that was sent after {}", seconds(recovered)));
        }
        broken
    }

    fn allows(&self, seen: &Seen) -> bool {
        match (self.trouble, seen.status) {
            (_, Some(200..=299)) => true,
            (Trouble::Restart, _) => false,
            (_, Some(503 | 504)) => true,
            (Trouble::Kill, None) => self.gateway == Some(seen.base) && seen.sent <= self.over + UNNOTICED,
            (_, _) => false,
        }
    }

    fn tell(&self, seen: &Seen) -> String {
        let status = seen.status.map_or_else(|| "without an answer".to_owned(), |status| format!("answered {status}"));
        let (sent, took) = (self.after(seen.sent), seen.took);
        format!(
            "{:?} by gateway-{} was {status} after {took:?}, sent {sent:?} after it began, or was over",
            seen.turn,
            seen.base + 1
        )
    }
}

/// What came of a trouble, held against what is promised.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) trouble: Trouble,
    pub(super) whose: String,
    pub(super) statuses: BTreeMap<Option<u16>, u64>,
    pub(super) slowest: Duration,
    /// How long after it began, or was over, the last call was sent that failed; none if none did.
    pub(super) recovered: Option<Duration>,
    pub(super) broken: Vec<String>,
}

impl Event {
    /// What is not as promised; empty after a good one.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// How many answers had a status within these bounds.
    pub(super) fn count(&self, from: u16, to: u16) -> u64 {
        let within =
            self.statuses.iter().filter(|(status, _)| status.is_some_and(|status| (from..=to).contains(&status)));
        within.map(|(_, count)| count).sum()
    }

    pub(super) fn unanswered(&self) -> u64 {
        self.statuses.get(&None).copied().unwrap_or_default()
    }

    pub(super) fn calls(&self) -> u64 {
        self.statuses.values().sum()
    }
}

/// A line for whoever watches.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trouble, whose, slowest, recovered, .. } = self;
        let (calls, failed) = (self.calls(), self.calls() - self.count(200, 299));
        write!(f, "{whose} {trouble}: {calls} calls, {failed} failed, the slowest took {}", seconds(*slowest))?;
        if let Some(recovered) = recovered {
            write!(f, ", none failed that was sent later than {}", seconds(*recovered))?;
        }
        self.broken.iter().try_for_each(|broken| write!(f, "\n  BROKEN: {broken}"))
    }
}
