//! Prints records: what stands behind `portico logs`.

use std::{
    io::{self, Write},
    path::Path,
};

use portico_log::Filter;

use super::{Entry, Human, Reader};

/// What is printed, and how.
#[derive(Debug, Clone, Default)]
pub struct PrintOptions {
    /// Which records.
    pub filter: Filter,
    /// Only the last so many of what is there.
    pub last: Option<usize>,
    /// As JSON lines, as they stand in the files; else for people.
    pub json: bool,
    /// Go on with what is written from now on.
    pub follow: bool,
}

/// Why printing ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// The files cannot be read.
    #[error("log files cannot be read")]
    Unread(#[source] io::Error),
    /// What was read cannot be written, for another reason than that nobody reads it any more.
    #[error("records cannot be printed")]
    Unwritten(#[source] io::Error),
}

/// Prints the records of `dir`, the oldest first. When following, `wait` is called whenever there is nothing to print: it
/// waits for as long as it sees fit, and ends all with false.
///
/// A reader that went away (a closed pipe) is no error. A file that cannot be read does not keep the others from being
/// printed; its error is the answer.
///
/// # Errors
/// The operator's: the files cannot be read, or `out` cannot be written.
pub fn print(
    dir: &Path,
    options: &PrintOptions,
    out: &mut impl Write,
    wait: impl FnMut() -> bool,
) -> Result<(), PrintError> {
    let reader = Reader::open(dir).map_err(PrintError::Unread)?;
    match print_all(&reader, options, out, wait) {
        Err(PrintError::Unwritten(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn print_all(
    reader: &Reader,
    options: &PrintOptions,
    out: &mut impl Write,
    wait: impl FnMut() -> bool,
) -> Result<(), PrintError> {
    let mut unread = Ok(());
    if let Some(count) = options.last {
        for entry in reader.last(&options.filter, count).map_err(PrintError::Unread)? {
            print_one(&entry, options, out).map_err(PrintError::Unwritten)?;
        }
    } else {
        for entry in reader.records(&options.filter) {
            match entry {
                Ok(entry) => print_one(&entry, options, out).map_err(PrintError::Unwritten)?,
                Err(error) => unread = unread.and(Err(PrintError::Unread(error))),
            }
        }
    }
    out.flush().map_err(PrintError::Unwritten)?;
    if options.follow {
        follow(reader, options, out, wait)?;
    }
    unread
}

fn follow(
    reader: &Reader,
    options: &PrintOptions,
    out: &mut impl Write,
    mut wait: impl FnMut() -> bool,
) -> Result<(), PrintError> {
    let mut follow = reader.follow(&options.filter);
    loop {
        let entries = follow.poll().map_err(PrintError::Unread)?;
        if entries.is_empty() && !wait() {
            return Ok(());
        }
        for entry in &entries {
            print_one(entry, options, out).map_err(PrintError::Unwritten)?;
        }
        out.flush().map_err(PrintError::Unwritten)?;
    }
}

/// Prints one record.
///
/// # Errors
/// `out` cannot be written.
pub fn print_one(entry: &Entry, options: &PrintOptions, out: &mut impl Write) -> io::Result<()> {
    if options.json {
        out.write_all(&entry.line).and_then(|()| out.write_all(b"\n"))
    } else {
        writeln!(out, "{}", Human(entry))
    }
}
