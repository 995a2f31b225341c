//! What a spool's files hold, and how far they were carried.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use portico_log::{Place, Record};

use super::{SEGMENT_BYTES, files, full};
use crate::log::{marks::Marks, recover, segment::Segment, sync_dir};

/// The files of a spool.
pub(super) struct State {
    /// Those before the open one, oldest first: numbers and lengths. None of them was carried to its end.
    closed: VecDeque<(u64, u64)>,
    /// The number of the open one.
    number: u64,
    open: Segment,
    /// In the oldest file: all before was carried.
    sent: u64,
    /// Whether the last batch found no room, and none was given back since.
    refuses: bool,
}

impl State {
    /// Looks at what an earlier run left, cuts off what it did not finish, and goes on after it.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let (sent, mut numbers) = (files::sent(dir), files::numbers(dir)?);
        let carried = numbers.partition_point(|number| *number < sent.file);
        for number in numbers.drain(..carried) {
            fs::remove_file(files::path(dir, number))?; // it could not be when it had been carried
        }
        let mut marks = Marks::default();
        let number = numbers.pop().unwrap_or(sent.file.max(1));
        let file = create(dir, number)?;
        recover::mend(&files::path(dir, number), &mut marks)?;
        let length = |number: u64| fs::metadata(files::path(dir, number)).map(|found| found.len());
        let closed = numbers.into_iter().map(|number| Ok((number, length(number)?))).collect::<io::Result<_>>()?;
        let open = Segment::new(file, length(number)?, marks);
        let mut state = Self { closed, number, open, sent: 0, refuses: false };
        let (oldest, length) = state.first();
        state.sent = if sent.file == oldest { sent.offset.min(length) } else { 0 };
        let _tried_again_when_more_is_carried = state.settle(dir);
        Ok(state)
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|(_, length)| length).sum();
        closed + self.open.length() - self.sent
    }

    /// Whether there is no room.
    pub(super) const fn refuses(&self) -> bool {
        self.refuses
    }

    /// Takes all records of a batch that it has not got, or none.
    pub(super) fn append(&mut self, dir: &Path, bytes_max: u64, batch: &[Record]) -> io::Result<()> {
        let bytes: u64 = batch.iter().map(|record| record.line().len() as u64).sum();
        self.refuses = self.bytes() + bytes > bytes_max;
        if self.refuses {
            return Err(full());
        }
        if self.open.length() >= SEGMENT_BYTES {
            self.rotate(dir)?;
        }
        self.open.append(&batch.iter().collect::<Vec<_>>())
    }

    /// Where the oldest records begin, and where those of the same file end.
    pub(super) fn oldest(&self) -> (Place, Place) {
        let (file, length) = self.first();
        (Place { file, offset: self.sent }, Place { file, offset: length })
    }

    /// Forgets what lies before `place`.
    pub(super) fn forget(&mut self, dir: &Path, place: Place) -> io::Result<()> {
        let (file, length) = self.first();
        if place.file != file || place.offset <= self.sent || place.offset > length {
            return Ok(()); // it was forgotten before
        }
        (self.sent, self.refuses) = (place.offset, false);
        self.settle(dir)
    }

    /// The oldest file: its number and its length.
    fn first(&self) -> (u64, u64) {
        self.closed.front().copied().unwrap_or((self.number, self.open.length()))
    }

    fn rotate(&mut self, dir: &Path) -> io::Result<()> {
        self.open.append(&[])?; // whole, or it must not be closed
        let (number, length) = (self.number, self.open.length());
        self.open.go_on_in(create(dir, number + 1)?);
        self.closed.push_back((number, length));
        self.number += 1;
        self.settle(dir) // it may have been carried to its end
    }

    /// Deletes what was carried to its end, and writes down how far that is. Without the note, what is missing says so: on a
    /// full disk files are deleted all the same.
    fn settle(&mut self, dir: &Path) -> io::Result<()> {
        let mut deleted = Ok(());
        while let Some((number, length)) = self.closed.front().copied()
            && self.sent >= length
        {
            self.closed.pop_front();
            self.sent = 0;
            deleted = deleted.and(fs::remove_file(files::path(dir, number)));
        }
        deleted.and(files::set_sent(dir, Place { file: self.first().0, offset: self.sent }))
    }
}

/// Makes a file, or opens it if it is there.
fn create(dir: &Path, number: u64) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(files::path(dir, number))?;
    sync_dir(dir)?;
    Ok(file)
}
