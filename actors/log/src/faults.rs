//! The last warnings and errors, for whoever watches a node: the log files have all of them.
//!
//! Invariant: bounded, and a record that tells of no fault costs nothing more than a comparison.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::Severity;

/// How many are kept.
const KEPT: usize = 50;
/// The longest that is kept, in bytes.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Records of severity WARN and above. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    faults: VecDeque<Fault>,
    count: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its place among those of this process, from 1.
    pub number: u64,
    /// A JSON object of OpenTelemetry's log data model, without what tells it from a repetition of itself.
    pub json: Arc<str>,
}

impl Faults {
    /// Keeps a line without its end, if it tells of a fault.
    pub(crate) fn note(&self, severity: Severity, line: &[u8]) {
        if severity < Severity::Warn || line.len() > LINE_BYTES_MAX {
            return;
        }
        let Ok(text) = std::str::from_utf8(line) else { return };
        let json = Arc::from(format!("{text}}}"));
        let mut kept = self.lock();
        if kept.faults.len() == KEPT {
            kept.faults.pop_front();
        }
        kept.count += 1;
        let number = kept.count;
        kept.faults.push_back(Fault { number, json });
    }

    /// Those after the one with this number, the oldest first; 0 for all that are kept.
    pub fn after(&self, number: u64) -> Vec<Fault> {
        self.lock().faults.iter().filter(|fault| fault.number > number).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
