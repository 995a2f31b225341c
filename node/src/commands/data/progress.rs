//! How far a transfer has come, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use portico_schema::transfer::Heard;

/// A step of which it is known how long it is.
const KNOWN: &str = "{msg:7} {bar:40} {percent}% {human_pos}/{human_len} rows, {eta} left";
/// One of which it is not.
const UNKNOWN: &str = "{msg:7} {human_pos} rows, {per_sec}";

/// One line, for one step after the other.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new() -> Self {
        Self(ProgressBar::no_length())
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Heard for Progress {
    fn begins(&self, step: &'static str, rows: Option<u64>) {
        let template = if rows.is_some() { KNOWN } else { UNKNOWN };
        self.0.reset();
        self.0.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        match rows {
            Some(rows) => self.0.set_length(rows),
            None => self.0.unset_length(),
        }
        self.0.set_message(step);
    }

    fn done(&self, rows: u64) {
        self.0.inc(rows);
    }
}
