//! Prints what a run counted and what it found wrong.

use std::fmt;

use super::Findings;

/// A summary of findings: a line for each count, then each violation.
pub struct Table<'a>(pub &'a Findings);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in self.0.counts() {
            writeln!(f, "  {kind:<56} {count:>10}")?;
        }
        let violations = self.0.violations();
        for violation in &violations {
            writeln!(f, "  WRONG: {violation}")?;
        }
        match violations.len() {
            0 => write!(f, "  everything that was acknowledged stands"),
            count => write!(f, "  {count} promises were broken"),
        }
    }
}
