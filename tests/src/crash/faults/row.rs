//! What came of one cut, held against what is promised.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{
    super::report::seconds,
    fault::{Fault, Server},
};

/// The node's own bound on a request, by default.
const DEADLINE: Duration = Duration::from_secs(10);
/// What an answer may be later than that: the machine's cores are shared by five servers and the clients.
const SLACK: Duration = Duration::from_secs(1);
/// How soon readiness must name what is away.
const NAMED_WITHIN: Duration = Duration::from_secs(5);
/// How soon everything must work once the server is back.
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);

/// One cut.
#[derive(Debug, Clone)]
pub struct Row {
    pub(super) server: Server,
    pub(super) fault: Fault,
    pub(super) statuses: BTreeMap<Option<u16>, u64>,
    pub(super) slowest: Duration,
    /// How long the cut lasted.
    pub(super) lasted: Duration,
    pub(super) named: Option<Duration>,
    pub(super) recovered: Option<Duration>,
    /// What failed after the server's return.
    pub(super) failed_after: Vec<String>,
    pub(super) well: Option<Duration>,
    /// How long after its return what had waited for it had gone its way.
    pub(super) caught_up: Option<Duration>,
    /// Answers that were wrong, and what was lost.
    pub(super) wrong: Vec<String>,
}

impl Row {
    /// What is not as promised; empty after a good one.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = self.wrong.clone();
        if self.slowest > DEADLINE + SLACK {
            broken.push(format!("an answer took {}", seconds(self.slowest)));
        }
        if self.must_be_named() && self.named.is_none_or(|named| named > NAMED_WITHIN) {
            broken.push(format!("readiness did not name it within {}", seconds(NAMED_WITHIN)));
        }
        let failed = format!("requests (failed: {})", self.failed_after.join("; "));
        for (what, after) in [(failed.as_str(), self.recovered), ("readiness", self.well)] {
            match after {
                Some(after) if after <= RECOVERED_WITHIN => {}
                Some(after) => broken.push(format!("{what} recovered after {}", seconds(after))),
                None => broken.push(format!("{what} did not recover")),
            }
        }
        if self.caught_up.is_none() {
            broken.push("what waited for it did not go its way".to_owned());
        }
        broken
    }

    fn must_be_named(&self) -> bool {
        self.fault.must_be_named() && !self.server.checks().is_empty() && self.lasted >= NAMED_WITHIN
    }

    /// How many answers had a status within these bounds.
    fn count(&self, from: u16, to: u16) -> u64 {
        let within =
            self.statuses.iter().filter(|(status, _)| status.is_some_and(|status| (from..=to).contains(&status)));
        within.map(|(_, count)| count).sum()
    }

    /// The head of a table of such rows, in Markdown.
    pub(super) fn head() -> &'static str {
        "| server | what befell it | for | calls | succeeded | 503 | 504 | others | slowest answer | named | requests again | \
         ready again | caught up | |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    }

    /// A line of it.
    pub(super) fn line(&self) -> String {
        let all: u64 = self.statuses.values().sum();
        let [succeeded, unavailable, late] =
            [(200, 299), (503, 503), (504, 504)].map(|(from, to)| self.count(from, to));
        let others = all - succeeded - unavailable - late;
        let after = |after: Option<Duration>| after.map_or_else(|| "-".to_owned(), seconds);
        let verdict = if self.broken().is_empty() { "kept" } else { "**broken**" };
        let cells = [
            self.server.to_string(),
            self.fault.to_string(),
            seconds(self.lasted),
            all.to_string(),
            succeeded.to_string(),
            unavailable.to_string(),
            late.to_string(),
            others.to_string(),
            seconds(self.slowest),
            after(self.named),
            after(self.recovered),
            after(self.well),
            after(self.caught_up.filter(|_| self.server.is_waited_for())),
            verdict.to_owned(),
        ];
        format!("| {} |", cells.join(" | "))
    }
}

/// A line for whoever watches.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        self.broken().iter().try_for_each(|broken| write!(f, "\n  BROKEN: {broken}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Row {
        let second = Duration::from_secs(1);
        Row {
            server: Server::Redis,
            fault: Fault::Down,
            statuses: BTreeMap::from([(Some(200), 7), (Some(201), 1), (Some(503), 2)]),
            slowest: second,
            lasted: 30 * second,
            named: Some(second),
            recovered: Some(second),
            failed_after: Vec::new(),
            well: Some(second),
            caught_up: Some(second),
            wrong: Vec::new(),
        }
    }

    #[test]
    fn what_is_as_promised_is_kept_and_told_in_one_line() {
        let row = good();

        assert_eq!(row.broken(), Vec::<String>::new());
        assert_eq!(
            row.line(),
            "| Redis | away | 30.0 s | 10 | 8 | 2 | 0 | 0 | 1.0 s | 1.0 s | 1.0 s | 1.0 s | - | kept |"
        );
        assert_eq!(Row::head().lines().last().unwrap().matches('|').count(), row.line().matches('|').count());
    }

    #[test]
    fn each_promise_is_looked_at() {
        let late = Some(Duration::from_secs(6));
        let rows = [
            Row { slowest: Duration::from_secs(12), ..good() },
            Row { named: late, ..good() },
            Row { named: None, ..good() },
            Row { recovered: late, ..good() },
            Row { recovered: None, ..good() },
            Row { well: None, ..good() },
            Row { caught_up: None, ..good() },
            Row { wrong: vec!["something is lost".to_owned()], ..good() },
        ];

        for row in rows {
            assert_eq!(row.broken().len(), 1, "{row}");
        }
    }

    #[test]
    fn what_was_away_for_a_moment_need_not_be_named() {
        let row = Row { named: None, lasted: Duration::from_secs(3), ..good() };

        assert!(row.broken().is_empty(), "{row}");
    }
}
