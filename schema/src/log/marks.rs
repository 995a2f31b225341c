//! Marks: the last sequence of each run of each node that a service's files hold.
//!
//! Invariant: a mark is raised once its record is durable, never before; and there are at most [`MARKS_MAX`], the least
//! recently raised of which gives way.

use std::{collections::HashMap, sync::Arc};

use portico_log::Record;
use uuid::Uuid;

/// The most runs that are remembered for one service.
const MARKS_MAX: usize = 1_024;

type Run = (Arc<str>, Uuid);

/// What a service's files hold.
#[derive(Default)]
pub(super) struct Marks {
    last: HashMap<Run, Mark>,
    raised: u64,
}

struct Mark {
    sequence: u64,
    raised: u64,
}

/// Marks to be raised once the records they come from are durable.
#[derive(Default)]
pub(super) struct Staged(Vec<(Run, u64)>);

impl Marks {
    /// Whether a record is not held yet.
    fn is_new(&self, record: &Record) -> bool {
        self.last.get(&run(record)).is_none_or(|mark| mark.sequence < record.sequence)
    }

    /// Whether a record is neither held nor staged; it is staged then.
    pub(super) fn stage(&self, staged: &mut Staged, record: &Record) -> bool {
        // A batch is of one run as a rule: no name is hashed or copied for each of its records.
        match staged.0.iter_mut().find(|((instance, boot), _)| *boot == record.boot && *instance == record.instance) {
            Some((_, sequence)) if *sequence >= record.sequence => false,
            Some((_, sequence)) => {
                *sequence = record.sequence;
                true
            }
            None if self.is_new(record) => {
                staged.0.push((run(record), record.sequence));
                true
            }
            None => false,
        }
    }

    /// Raises what was staged.
    pub(super) fn raise(&mut self, staged: Staged) {
        for (run, sequence) in staged.0 {
            self.note(run.0, run.1, sequence);
        }
    }

    /// Raises the mark of a run, unless it is higher already.
    pub(super) fn note(&mut self, instance: Arc<str>, boot: Uuid, sequence: u64) {
        self.raised += 1;
        let mark = self.last.entry((instance, boot)).or_insert(Mark { sequence, raised: 0 });
        *mark = Mark { sequence: mark.sequence.max(sequence), raised: self.raised };
        if self.last.len() > MARKS_MAX {
            let oldest = self.last.iter().min_by_key(|(_, mark)| mark.raised).map(|(run, _)| run.clone());
            oldest.and_then(|run| self.last.remove(&run));
        }
    }
}

fn run(record: &Record) -> Run {
    (Arc::clone(&record.instance), record.boot)
}
