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
    /// A JSON object of OpenTelemetry's log data model: the record as it stands in a file, without its `sequence`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_warnings_and_errors_are_kept_and_told_from_where_one_was() {
        let faults = Faults::default();
        faults.note(Severity::Info, br#"{"Body":"all is well""#);
        for number in 1..=KEPT + 2 {
            faults.note(Severity::Warn, format!(r#"{{"Body":"{number}""#).as_bytes());
        }

        let kept = faults.after(0);

        assert_eq!(kept.iter().map(|fault| fault.number).collect::<Vec<_>>(), (3..=52).collect::<Vec<_>>());
        assert_eq!(&*kept[0].json, r#"{"Body":"3"}"#);
        assert_eq!(faults.after(51), kept[49..]);
        assert!(faults.after(52).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_not_kept() {
        let faults = Faults::default();

        faults.note(Severity::Error, &vec![b'x'; LINE_BYTES_MAX + 1]);
        faults.note(Severity::Error, &[0xff]);

        assert!(faults.after(0).is_empty());
    }
}
