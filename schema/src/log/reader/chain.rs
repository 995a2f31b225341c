//! The records of one service, over all of its files, in the order in which they were written.

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use flate2::bufread::GzDecoder;
use portico_log::{Filter, Head, RECORD_BYTES_MAX, Service};

use super::{Entry, Part};
use crate::log::name::{FileName, Form};

/// The files of one service.
#[derive(Debug)]
pub(super) struct Chain {
    dir: PathBuf,
    filter: Filter,
    service: Service,
    parts: VecDeque<Part>,
    open: Option<Lines>,
}

impl Chain {
    pub(super) fn new(dir: PathBuf, filter: Filter, first: Part) -> Self {
        Self { dir, filter, service: first.name.service.clone(), parts: VecDeque::from([first]), open: None }
    }

    pub(super) fn push(&mut self, part: Part) {
        self.parts.push_back(part);
    }

    pub(super) const fn service(&self) -> &Service {
        &self.service
    }

    /// The next file, or none.
    fn open(&mut self) -> io::Result<bool> {
        let Some(part) = self.parts.pop_front() else { return Ok(false) };
        self.open = Lines::open(&self.dir, &part.name, 0, part.end)?;
        Ok(true)
    }
}

impl Iterator for Chain {
    type Item = io::Result<Entry>;

    /// A file that fails is told, and left for the next one.
    fn next(&mut self) -> Option<io::Result<Entry>> {
        loop {
            let Some(lines) = &mut self.open else {
                match self.open() {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error)),
                }
            };
            match lines.next(&self.filter) {
                Ok(Some(entry)) => return Some(Ok(entry)),
                Ok(None) => self.open = None,
                Err(error) => {
                    self.open = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The lines of one file.
pub(super) struct Lines {
    source: Box<dyn BufRead>,
    line: Vec<u8>,
    consumed: u64,
}

impl Lines {
    /// Bytes `from` to `end` of a file's lines; none when the file has been deleted.
    pub(super) fn open(dir: &Path, name: &FileName, from: u64, end: u64) -> io::Result<Option<Self>> {
        let Some(mut source) = source(dir, name, from)? else { return Ok(None) };
        source = Box::new(source.take(end.saturating_sub(from)));
        Ok(Some(Self { source, line: Vec::new(), consumed: 0 }))
    }

    /// The next record that `filter` lets pass. What is no record is passed over, as is a last line without its end.
    pub(super) fn next(&mut self, filter: &Filter) -> io::Result<Option<Entry>> {
        while self.advance()? {
            if let Some(entry) = self.entry(filter) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The record on the present line, if it is one that `filter` lets pass.
    pub(super) fn entry(&self, filter: &Filter) -> Option<Entry> {
        let line = self.line.strip_suffix(b"\n")?;
        let head = Head::parse(line).ok().filter(|head| filter.passes(head))?;
        Some(Entry { time: head.time, line: line.to_vec() })
    }

    /// How many bytes of whole lines were read.
    pub(super) const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads one whole line; false at the end. Of a line that is too long to be a record nothing is kept.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut length = self.source.by_ref().take(RECORD_BYTES_MAX as u64).read_until(b'\n', &mut self.line)? as u64;
        if length == RECORD_BYTES_MAX as u64 && !self.line.ends_with(b"\n") {
            self.line.clear();
            length += self.source.skip_until(b'\n')? as u64;
            self.consumed += length;
            return Ok(true);
        }
        let whole = self.line.ends_with(b"\n");
        self.consumed += if whole { length } else { 0 };
        Ok(whole)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("consumed", &self.consumed).finish_non_exhaustive()
    }
}

/// A file's lines in whichever form it has at the moment: it may be compressed while we look.
fn source(dir: &Path, name: &FileName, from: u64) -> io::Result<Option<Box<dyn BufRead>>> {
    let open = |form| match File::open(dir.join(name.in_form(form))) {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    };
    if let Some(mut plain) = open(Form::Plain)? {
        plain.seek(SeekFrom::Start(from))?;
        return Ok(Some(Box::new(BufReader::new(plain))));
    }
    let Some(gzip) = open(Form::Gzip)? else { return Ok(None) };
    let mut lines = BufReader::new(GzDecoder::new(BufReader::new(gzip)));
    io::copy(&mut lines.by_ref().take(from), &mut io::sink())?;
    Ok(Some(Box::new(lines)))
}
