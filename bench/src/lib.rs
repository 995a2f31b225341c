//! Measuring a subject beside a reference.
//!
//! Invariant: a figure is a ratio against a reference that was measured in the same run, in turns with the subject, so
//! that a busy or slow machine moves both. Absolute times are printed to be read, and to be compared with nothing.
//!
//! - [`figures`]: what `./just bench` measures, one module each, with the floor that it must keep.
//! - [`run`], [`node`], [`cores`]: how long, with which node, on which core.
//! - [`load`]: the load generator over HTTP; [`accounts`]: those in whose name it asks; [`mod@reference`]: what it asks besides.
//! - [`report`]: the table, and the file of results.
//! - `benches/`: micro-benchmarks; `cargo bench -p portico-bench` runs them. They share what stands below.

pub mod accounts;
pub mod cores;
pub mod figure;
pub mod figures;
pub mod load;
pub mod node;
pub mod profile;
pub mod reference;
pub mod report;
pub mod run;
pub mod statistics;

use std::time::{Duration, Instant};

/// How many times subject and reference take turns.
const ROUNDS: usize = 15;

/// The middle one of each side's rounds.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// What a round of the reference took.
    pub reference: Duration,
    /// What a round of the subject took.
    pub subject: Duration,
}

impl Comparison {
    /// How many times as long as the reference the subject took.
    pub fn ratio(&self) -> f64 {
        self.subject.as_secs_f64() / self.reference.as_secs_f64()
    }

    /// A line for people, with the time of one of `calls` calls a round.
    pub fn describe(&self, name: &str, calls: u32) -> String {
        let each = |round: Duration| round.as_secs_f64() * 1e6 / f64::from(calls);
        format!(
            "{name:<28} {:5.2} x   ({:.2} us against {:.2} us)",
            self.ratio(),
            each(self.subject),
            each(self.reference)
        )
    }
}

/// Runs `reference` and `subject` in turns and compares their medians. Each is run once before, to warm up.
pub async fn compare(reference: impl AsyncFn(), subject: impl AsyncFn()) -> Comparison {
    reference().await;
    subject().await;
    let (mut references, mut subjects) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        references.push(timed(&reference).await);
        subjects.push(timed(&subject).await);
    }
    Comparison { reference: median(references), subject: median(subjects) }
}

async fn timed(work: impl AsyncFn()) -> Duration {
    let begin = Instant::now();
    work().await;
    begin.elapsed()
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}
