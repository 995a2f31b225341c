//! The table of all cuts.

use std::{fmt, time::Duration};

use super::{super::report::seconds, row::Row};

/// What came of all cuts.
pub struct Report {
    /// Each cut.
    pub rows: Vec<Row>,
    pub(super) lasting: Duration,
    pub(super) took: Duration,
    pub(super) seed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Row::head())?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", row.line()))?;
        let broken = self.rows.iter().filter(|row| !row.broken().is_empty()).count();
        writeln!(
            f,
            "\n{} cuts of {} each where they last, {broken} of them with a promise broken; {} min in all, seed {}.",
            self.rows.len(),
            seconds(self.lasting),
            self.took.as_secs() / 60,
            self.seed
        )?;
        for row in &self.rows {
            for broken in row.broken() {
                writeln!(f, "- {}, {}: {broken}", row.server, row.fault)?;
            }
        }
        Ok(())
    }
}
