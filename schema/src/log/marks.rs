//! Marks: the last sequence of each run of each node that files hold, for each service that speaks in them.
//!
//! Invariant: a mark is raised once its record is durable, never before; and there are at most [`MARKS_MAX`], the least
//! recently raised of which gives way.

use std::{collections::HashMap, sync::Arc};

use portico_log::{Record, Service};
use uuid::Uuid;

/// The most runs that are remembered.
const MARKS_MAX: usize = 1_024;

/// What one service of a node says in one run.
type Run = (Service, Arc<str>, Uuid);

/// What files hold.
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
        // A batch is of few runs as a rule: no name is hashed or copied for each of its records.
        let is_its = |(service, instance, boot): &Run| {
            *boot == record.boot && *service == record.service && *instance == record.instance
        };
        match staged.0.iter_mut().find(|(run, _)| is_its(run)) {
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
            self.note(run, sequence);
        }
    }

    /// Raises all marks that others have, in the order in which those were raised.
    pub(super) fn note_all(&mut self, others: Self) {
        let mut others: Vec<_> = others.last.into_iter().collect();
        others.sort_unstable_by_key(|(_, mark)| mark.raised);
        for (run, mark) in others {
            self.note(run, mark.sequence);
        }
    }

    /// Raises the mark of a run, unless it is higher already.
    pub(super) fn note(&mut self, run: Run, sequence: u64) {
        self.raised += 1;
        let mark = self.last.entry(run).or_insert(Mark { sequence, raised: 0 });
        *mark = Mark { sequence: mark.sequence.max(sequence), raised: self.raised };
        if self.last.len() > MARKS_MAX {
            let oldest = self.last.iter().min_by_key(|(_, mark)| mark.raised).map(|(run, _)| run.clone());
            oldest.and_then(|run| self.last.remove(&run));
        }
    }
}

fn run(record: &Record) -> Run {
    (record.service.clone(), Arc::clone(&record.instance), record.boot)
}
