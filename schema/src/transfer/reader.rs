//! Reads a file of an export, some lines at a time.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::PathBuf,
};

use portico_kernel::{FieldError, Invalid};
use time::OffsetDateTime;

use super::{BATCH_MAX, Error, rewrite};

/// The longest line, in bytes: an event's text is the longest that a node writes, and far shorter.
const LINE_MAX_BYTES: u64 = 256 * 1024;

/// The lines of a file.
pub(super) struct Reader {
    path: PathBuf,
    file: &'static str,
    lines: BufReader<File>,
    /// How many were read.
    number: u64,
}

/// Some lines.
pub(super) struct Batch {
    /// How many were read.
    pub(super) read: u64,
    /// Those of them that are not over, as this version writes them.
    pub(super) rows: Vec<String>,
    /// Which lines those are, counted from 1.
    pub(super) numbers: Vec<u64>,
}

impl Reader {
    /// The lines of the file at `path`, which the manifest calls `file`.
    pub(super) fn open(path: PathBuf, file: &'static str) -> Result<Self, Error> {
        let opened = File::open(&path).map_err(|source| Error::Unread { path: path.clone(), source })?;
        Ok(Self { path, file, lines: BufReader::new(opened), number: 0 })
    }

    /// Leaves out the first `count` lines.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), Error> {
        for _ in 0..count {
            let skipped = self.lines.skip_until(b'\n').map_err(|source| self.unread(source))?;
            self.number += u64::from(skipped > 0);
        }
        Ok(())
    }

    /// The next lines; none at the end.
    pub(super) fn next_batch(&mut self, live_at: Option<OffsetDateTime>) -> Result<Option<Batch>, Error> {
        let mut batch = Batch { read: 0, rows: Vec::with_capacity(BATCH_MAX), numbers: Vec::new() };
        while batch.read < BATCH_MAX as u64 {
            let Some(line) = self.next_line()? else { break };
            batch.read += 1;
            let rewritten = rewrite(self.file, &line, live_at);
            if let Some(row) = rewritten.map_err(|field| self.refused(self.number, field))? {
                batch.rows.push(row);
                batch.numbers.push(self.number);
            }
        }
        Ok((batch.read > 0).then_some(batch))
    }

    /// How many lines were read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What is wrong with a line.
    pub(super) fn refused(&self, number: u64, field: FieldError) -> Error {
        Error::Line { path: self.path.clone(), number, field }
    }

    fn next_line(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(LINE_MAX_BYTES + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|source| self.unread(source))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let wrong = |rule: &'static str| {
            let field = Invalid::new("malformed", rule).of("");
            Err(Error::Line { path: self.path.clone(), number: self.number, field })
        };
        match line.pop() {
            Some(b'\n') => {}
            _ if read as u64 > LINE_MAX_BYTES => return wrong("is longer than 262144 bytes"),
            _ => return wrong("is cut off: it has no end of line"),
        }
        String::from_utf8(line).map(Some).or_else(|_| wrong("is not UTF-8"))
    }

    fn unread(&self, source: io::Error) -> Error {
        Error::Unread { path: self.path.clone(), source }
    }
}
