//! The table of all cuts, and where it is written.

use std::{fmt, fs, io, path::Path, time::Duration};

use super::row::{Row, seconds};

/// Between these lines of a document the table stands.
const BEGIN: &str = "<!-- written by ./just faults -->";
const END: &str = "<!-- end of what ./just faults writes -->";

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

/// Puts a report where a document has one.
///
/// # Errors
/// The system's; or the document has no place for it.
pub fn write(document: &Path, report: &Report) -> io::Result<()> {
    let text = fs::read_to_string(document)?;
    let placed = place(&text, &report.to_string());
    fs::write(document, placed.ok_or_else(|| io::Error::other(format!("has no line `{BEGIN}` before one `{END}`")))?)
}

fn place(text: &str, report: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", report.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_takes_the_place_of_the_one_before_and_leaves_all_else() {
        let text = format!("# Title\n{BEGIN}\nold\n{END}\nthe rest\n");

        let placed = place(&text, "new\n").unwrap();

        assert_eq!(placed, format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nthe rest\n"));
        assert_eq!(place(&placed, "new\n").unwrap(), placed);
    }

    #[test]
    fn a_document_without_a_place_stays_as_it_is() {
        assert_eq!(place("# Title\n", "new"), None);
    }
}
