//! One open file.
//!
//! Invariant: `length` bytes of it are whole lines and durable. Whatever a failed append left after them is cut off
//! before the next one writes.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
};

use portico_log::Record;

use super::marks::{Marks, Staged};

/// What is written at once: enough that the call costs little beside its bytes, and little enough to stay in a core's cache.
const WRITE_BYTES: usize = 64 * 1024;

/// What a segment needs of a file. A seam, so that a test's file can be full.
pub(super) trait Medium: Write + Send {
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Forgets all after `length` bytes; the next write goes there.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A file that was opened to append.
impl Medium for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// A file that is being written.
pub(super) struct Segment {
    medium: Box<dyn Medium>,
    length: u64,
    torn: bool,
    marks: Marks,
}

impl Segment {
    /// Goes on after the `length` bytes that `medium` has, in a service whose files hold what `marks` says.
    pub(super) fn new(medium: impl Medium + 'static, length: u64, marks: Marks) -> Self {
        Self { medium: Box::new(medium), length, torn: false, marks }
    }

    /// Its size in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// What the files of its service hold.
    pub(super) const fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Closes the file and goes on in an empty one, the next of the same service.
    pub(super) fn go_on_in(&mut self, medium: impl Medium + 'static) {
        (self.medium, self.length, self.torn) = (Box::new(medium), 0, false);
    }

    /// Writes and syncs those of `records` that are not held yet: all of them or, on failure, none. On success, also when
    /// there was nothing to write, the file is whole.
    pub(super) fn append(&mut self, records: &[&Record]) -> io::Result<()> {
        self.mend()?;
        let mut staged = Staged::default();
        let new = records.iter().filter(|record| self.marks.stage(&mut staged, record));
        let mut new = new.map(|record| record.line()).peekable();
        if new.peek().is_none() {
            return Ok(());
        }
        self.torn = true;
        let written = write(&mut *self.medium, new);
        if let Ok(bytes) = written {
            (self.torn, self.length) = (false, self.length + bytes);
            self.marks.raise(staged);
        } else {
            let _tried_again_before_the_next_append = self.mend();
        }
        written.map(drop)
    }

    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.medium.cut(self.length)?;
            self.torn = false;
        }
        Ok(())
    }
}

/// Writes and syncs `lines`; answers their length in bytes.
fn write<'a>(medium: &mut dyn Medium, lines: impl Iterator<Item = &'a [u8]>) -> io::Result<u64> {
    let (mut out, mut bytes) = (BufWriter::with_capacity(WRITE_BYTES, medium), 0);
    for line in lines {
        out.write_all(line)?;
        bytes += line.len() as u64;
    }
    out.flush()?;
    out.get_mut().sync()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
