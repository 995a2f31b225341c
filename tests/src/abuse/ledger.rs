//! What was tried, what was expected, and what was seen.

use std::{
    fmt::{Display, Write as _},
    fs,
    sync::{Arc, Mutex},
};

use super::Extent;
use crate::Node;

/// The most that a node may ever have had in memory, in bytes.
const MEMORY_MAX: u64 = 256_000_000;

/// One thing that was tried.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The attack that it belongs to.
    pub attack: &'static str,
    /// What was done.
    pub tried: String,
    /// What must happen.
    pub expected: String,
    /// What happened.
    pub seen: String,
    /// Whether that is what must happen.
    pub pass: bool,
}

/// Everything that was tried. Cheap to clone; clones write into the same ledger.
#[derive(Clone)]
pub struct Ledger {
    attack: &'static str,
    prints: bool,
    trials: Arc<Mutex<Vec<Trial>>>,
}

impl Ledger {
    /// An empty ledger of one attack.
    pub fn new(attack: &'static str) -> Self {
        Self { attack, prints: false, trials: Arc::default() }
    }

    /// An empty ledger that prints each trial when it is judged.
    pub fn printing() -> Self {
        Self { prints: true, ..Self::new("") }
    }

    /// The same ledger, for the trials of another attack.
    #[must_use]
    pub fn of(&self, attack: &'static str) -> Self {
        Self { attack, ..self.clone() }
    }

    /// Writes down a trial.
    pub fn judge(&self, tried: impl Display, expected: impl Display, seen: impl Display, pass: bool) {
        let (tried, expected, seen) = (tried.to_string(), expected.to_string(), seen.to_string());
        let trial = Trial { attack: self.attack, tried, expected, seen, pass };
        if self.prints {
            eprintln!("  {}", trial.line());
        }
        self.trials.lock().unwrap().push(trial);
    }

    /// Writes down a trial that must have exactly one outcome.
    pub fn equal(&self, tried: impl Display, expected: impl Display, seen: impl Display) {
        let (expected, seen) = (expected.to_string(), seen.to_string());
        let pass = expected == seen;
        self.judge(tried, expected, seen, pass);
    }

    /// Writes down the most memory that a node ever had. It is judged at full extent only: a test's binary is not made
    /// for release.
    pub fn memory(&self, extent: Extent, what: &str, node: &Node) {
        let peak = peak_bytes(node);
        let megabytes = |bytes: u64| format!("{} MB", bytes / 1_000_000);
        let (tried, seen) = (format!("resident memory, at its peak, of {what}"), megabytes(peak));
        if extent.is_full() {
            self.judge(tried, format!("below {}", megabytes(MEMORY_MAX)), seen, (1..MEMORY_MAX).contains(&peak));
        }
    }

    /// Every trial until now.
    pub fn trials(&self) -> Vec<Trial> {
        self.trials.lock().unwrap().clone()
    }

    /// Panics with every trial that failed.
    #[track_caller]
    pub fn assert_passed(&self) {
        let trials = self.trials();
        let failed: Vec<_> = trials.iter().filter(|trial| !trial.pass).map(Trial::line).collect();
        assert!(!trials.is_empty(), "the attack tried nothing");
        assert!(failed.is_empty(), "{} of {} trials failed:\n{}", failed.len(), trials.len(), failed.join("\n"));
    }

    /// All trials as a table for people, the failed ones again at its end.
    pub fn table(&self) -> String {
        let mut table = String::new();
        let trials = self.trials();
        for trial in &trials {
            writeln!(table, "{:<10} {}", trial.attack, trial.line()).expect("a string takes everything");
        }
        let failed: Vec<_> = trials.iter().filter(|trial| !trial.pass).collect();
        writeln!(table, "\n{} trials, {} failed", trials.len(), failed.len()).expect("a string takes everything");
        for trial in failed {
            writeln!(table, "{:<10} {}", trial.attack, trial.line()).expect("a string takes everything");
        }
        table
    }
}

impl Trial {
    /// The trial on one line.
    pub fn line(&self) -> String {
        let verdict = if self.pass { "pass" } else { "FAIL" };
        format!("{verdict}  {:<64}  expected: {:<32}  seen: {}", self.tried, self.expected, self.seen)
    }
}

/// The peak of a node's resident memory (`VmHWM`, proc(5)), in bytes; 0 where the system does not tell.
fn peak_bytes(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}
