//! Everything that was told while the trace was written, and when: read from the trace itself.

use std::collections::HashMap;

use super::{
    super::{Findings, client::Client, logs::Run, rows::Rows},
    history::History,
    strace::{Call, Step},
};
use crate::Home;

/// What must be there once a command has reported it.
#[derive(Debug, Clone)]
pub(super) enum Fact {
    /// A database has so many migrations.
    Migrations { database: &'static str, count: u64 },
    /// A file in the home holds this.
    File { name: &'static str, text: String },
}

impl Fact {
    /// Holds what a power cut left against this, before anything is started on it.
    pub(super) async fn check(&self, home: &Home, findings: &Findings) {
        match self {
            Self::Migrations { database, count } => {
                let mut rows = Rows::open(&home.data(), database).await;
                let found = rows.number("SELECT count(*) FROM seaql_migrations").await;
                rows.close().await;
                findings.hold(found == *count, || format!("{database} has {found} migrations instead of {count}"));
            }
            Self::File { name, text } => {
                let found = std::fs::read_to_string(home.path().join(name)).unwrap_or_default();
                findings.hold(found == *text, || format!("{name} holds {found:?} instead of {text:?}"));
            }
        }
        findings.count("checked: reports of commands");
    }
}

/// What was told, with its moment: before the step of this number.
#[derive(Default)]
pub(super) struct Told {
    histories: Vec<Vec<(usize, Client)>>,
    /// When commands reported something.
    reports: Vec<usize>,
    facts: Vec<(usize, Fact)>,
    /// How many log records a run of a node said were on disk.
    claims: Vec<(usize, String, u64)>,
}

impl Told {
    /// A command that reports in these words promises these facts.
    pub(super) fn facts(&mut self, steps: &[Step], words: &str, facts: impl IntoIterator<Item = Fact>) {
        let at = find(steps, words, 0);
        self.facts.extend(facts.into_iter().map(|fact| (at, fact)));
    }

    /// Takes what a run of a node claimed in the steps from `first` on.
    pub(super) fn claims(&mut self, steps: &[Step], first: usize, run: &str, findings: &Findings) {
        let (claims, known) = (steps.iter().enumerate().skip(first).filter_map(claim), self.claims.len());
        self.claims.extend(claims.map(|(at, count)| (at, run.to_owned(), count)));
        findings.hold(self.claims.len() > known, || "a node never said how many log records are on disk".to_owned());
    }

    /// Takes what a client was told.
    pub(super) fn history(&mut self, steps: &[Step], history: History) {
        self.histories.push(history.dated(|words, from| find(steps, words, from)));
    }

    /// Takes what the operator was told by commands.
    pub(super) fn reports(&mut self, steps: &[Step], history: History) {
        self.history(steps, history);
        let facts = self.facts.iter().map(|(at, _)| *at);
        self.reports = facts.chain(self.histories.last().into_iter().flatten().map(|(at, _)| *at)).collect();
        self.reports.retain(|at| *at > 0);
        self.reports.sort_unstable();
        self.reports.dedup();
    }

    /// The moments at which commands reported something, in order.
    pub(super) fn reported_at(&self) -> Vec<usize> {
        self.reports.clone()
    }

    /// The moments at which something was acknowledged, in order.
    pub(super) fn acknowledgements(&self) -> Vec<usize> {
        let mut moments: Vec<_> = self.histories.iter().flatten().map(|(at, _)| *at).filter(|at| *at > 0).collect();
        moments.extend(self.risen());
        moments.sort_unstable();
        moments
    }

    /// When more log records were said to be on disk than before, in order.
    fn risen(&self) -> impl Iterator<Item = usize> {
        let risen = self.claims.windows(2).filter(|pair| pair[0].1 == pair[1].1 && pair[0].2 < pair[1].2);
        risen.map(|pair| pair[1].0)
    }

    /// When that was said next after a log was rotated, and once more, when the new file has records for sure.
    pub(super) fn said_after_rotations(&self, steps: &[Step]) -> Vec<usize> {
        let rotations = steps.iter().enumerate().filter(|(_, step)| begins_a_rotated_log(step));
        rotations.flat_map(|(at, _)| self.risen().filter(move |said| *said > at).take(2)).collect()
    }

    /// What everybody had been told when the step `at` began.
    pub(super) fn clients(&self, at: usize) -> Vec<Client> {
        let told =
            |history: &Vec<(usize, Client)>| history.iter().rfind(|(when, _)| *when <= at).map(|(_, it)| it.clone());
        self.histories.iter().filter_map(told).collect()
    }

    /// What had been reported when the step `at` began.
    pub(super) fn reported(&self, at: usize) -> Vec<Fact> {
        self.facts.iter().filter(|(when, _)| *when <= at).map(|(_, fact)| fact.clone()).collect()
    }

    /// How many log records of each run had been said to be on disk when the step `at` began.
    pub(super) fn accepted(&self, at: usize) -> Vec<(Run, u64)> {
        let mut accepted = HashMap::<String, u64>::new();
        for (_, run, count) in self.claims.iter().filter(|(when, ..)| *when <= at) {
            let known = accepted.entry(run.clone()).or_default();
            *known = (*count).max(*known);
        }
        accepted.into_iter().map(|(run, count)| (Run::Named(run), count)).collect()
    }
}

/// Whether a log file is made that is not the first of its day: `gateway-2026-01-01.1.jsonl`.
fn begins_a_rotated_log(step: &Step) -> bool {
    let Step::Did { call: Call::Open { path, create: true, .. }, .. } = step else { return false };
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jsonl"));
    name.is_some_and(|name| name.contains('.'))
}

/// When something was told in these words, from a moment on.
fn find(steps: &[Step], words: &str, from: usize) -> usize {
    let tells = |(_, step): &(usize, &Step)| match step {
        Step::Sends(bytes) => bytes.windows(words.len()).any(|window| window == words.as_bytes()),
        _ => false,
    };
    let found = steps.iter().enumerate().skip(from).find(tells);
    found.unwrap_or_else(|| panic!("the trace does not tell of {words}")).0
}

fn claim((at, step): (usize, &Step)) -> Option<(usize, u64)> {
    let Step::Sends(bytes) = step else { return None };
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().find(|line| line.starts_with("portico_log_accepted_total"))?;
    Some((at, line.rsplit(' ').next()?.parse().ok()?))
}
