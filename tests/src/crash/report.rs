//! Prints what a run counted and what it found wrong, and writes what it measured where a document has a place for it.

use std::{fmt, fs, io, path::Path, time::Duration};

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

/// Seconds, with a tenth.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Puts what `./just <command>` reports where a document has the last one, between the lines `<!-- written by ./just faults -->`
/// and `<!-- end of what ./just faults writes -->`.
///
/// # Errors
/// The system's; or the document has no place for it.
pub fn write(document: &Path, command: &str, report: &str) -> io::Result<()> {
    let text = fs::read_to_string(document)?;
    let placed = place(&text, command, report);
    let placed = placed.ok_or_else(|| io::Error::other(format!("has no place for what ./just {command} writes")))?;
    fs::write(document, placed)
}

fn place(text: &str, command: &str, report: &str) -> Option<String> {
    let begin = format!("<!-- written by ./just {command} -->");
    let end = format!("<!-- end of what ./just {command} writes -->");
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", report.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_takes_the_place_of_the_one_before_and_leaves_all_else() {
        let place_of = |command: &str| {
            format!(
                "<!-- written by ./just {command} -->\nold\n<!-- end of what ./just {command} writes -->\nthe rest\n"
            )
        };
        let text = format!("# Title\n{}{}", place_of("faults"), place_of("nodes"));

        let placed = place(&text, "faults", "new\n").unwrap();

        assert_eq!(placed, text.replacen("old", "\nnew\n", 1));
        assert_eq!(place(&placed, "faults", "new\n").unwrap(), placed);
    }

    #[test]
    fn a_document_without_a_place_stays_as_it_is() {
        assert_eq!(place("# Title\n", "faults", "new"), None);
    }
}
