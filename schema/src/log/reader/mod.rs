//! Reads what was logged: `portico logs`.
//!
//! [`Reader::open`] takes a snapshot of which files there are and how far they go. [`Reader::records`] merges what was
//! there by time, [`Reader::last`] tells the last few, [`Reader::follow`] goes on where the snapshot ends, so that a
//! record is seen once: by the one or by the other. [`print()`] does all of it for the command line:
//!
//! ```text
//! let filter = Words { services, level, trace, since, until }.filter(clock.now())?;
//! let options = PrintOptions { filter, last, json, follow };
//! print(&dir, &options, &mut stdout().lock(), || { sleep(FOLLOW_INTERVAL); !stopped() })?;
//! ```
//!
//! Invariant: reads only, needs no running node, and holds one open file and one record a service, however much there is.

mod chain;
mod filter;
mod follow;
mod human;
mod print;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use portico_log::{Filter, RECORD_BYTES_MAX};
use time::OffsetDateTime;

use self::{chain::Chain, filter::may_hold};
pub use self::{
    filter::{BadFilter, Words},
    follow::Follow,
    human::Human,
    print::{PrintError, PrintOptions, print, print_one},
};
use super::name::{FileName, Form, list};

/// The most records that [`Reader::last`] tells.
pub const LAST_MAX: usize = 100_000;

/// One record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub time: OffsetDateTime,
    /// The whole line, without a line feed.
    pub line: Vec<u8>,
}

/// The log files as they are at one moment.
#[derive(Debug, Clone)]
pub struct Reader {
    dir: PathBuf,
    parts: Vec<Part>,
}

/// A file, and where its last whole line ended.
#[derive(Debug, Clone)]
struct Part {
    name: FileName,
    /// In bytes of lines, also if the file is compressed; all of it when it was compressed already.
    end: u64,
}

impl Reader {
    /// Looks at the files in `dir`.
    ///
    /// # Errors
    /// The directory or a file in it cannot be read.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        Ok(Self { parts: parts(&dir)?, dir })
    }

    /// All records that `filter` lets pass, merged by time. A file that cannot be read is an error in its place.
    pub fn records(&self, filter: &Filter) -> Records {
        self.merged(filter, self.parts.iter())
    }

    /// The last `count` of them, at most [`LAST_MAX`], the oldest first.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn last(&self, filter: &Filter, count: usize) -> io::Result<Vec<Entry>> {
        let count = count.min(LAST_MAX);
        let mut dates: Vec<_> = self.parts.iter().map(|part| part.name.date).collect();
        dates.sort_unstable();
        dates.dedup();
        let mut last = VecDeque::new();
        for date in dates.into_iter().rev() {
            let mut of_day = VecDeque::new();
            for entry in self.merged(filter, self.parts.iter().filter(|part| part.name.date == date)) {
                of_day.push_back(entry?);
                if last.len() + of_day.len() > count {
                    of_day.pop_front();
                }
            }
            of_day.append(&mut last);
            last = of_day;
            if last.len() >= count {
                break;
            }
        }
        Ok(last.into())
    }

    /// The records that are written from here on.
    pub fn follow(&self, filter: &Filter) -> Follow {
        let filter = Filter { until: None, ..filter.clone() };
        Follow::new(self.dir.clone(), filter, &self.parts)
    }

    fn merged<'a>(&self, filter: &Filter, parts: impl Iterator<Item = &'a Part>) -> Records {
        let wanted = parts.filter(|part| may_hold(&part.name, filter)).cloned();
        let mut chains: Vec<Chain> = Vec::new();
        for part in wanted {
            match chains.last_mut().filter(|chain| chain.service() == &part.name.service) {
                Some(chain) => chain.push(part),
                None => chains.push(Chain::new(self.dir.clone(), filter.clone(), part)),
            }
        }
        let heads = chains.into_iter().map(|chain| (None, chain)).collect();
        Records { heads }
    }
}

/// Records of several services, merged by time.
#[derive(Debug)]
pub struct Records {
    /// Each service's next record, when it has been read.
    heads: Vec<(Option<Entry>, Chain)>,
}

impl Iterator for Records {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        for (head, chain) in &mut self.heads {
            if head.is_none() {
                match chain.next().transpose() {
                    Ok(next) => *head = next,
                    Err(error) => return Some(Err(error)),
                }
            }
        }
        self.heads.retain(|(head, _)| head.is_some());
        let (earliest, _) = self.heads.iter_mut().min_by_key(|(head, _)| head.as_ref().map(|entry| entry.time))?;
        earliest.take().map(Ok)
    }
}

/// All files in order, each once: as lines, when it is there in both forms.
fn parts(dir: &Path) -> io::Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    for (name, form) in list(dir)? {
        let end = match form {
            Form::Plain => match end_of_lines(&dir.join(name.in_form(form))) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => u64::MAX, // compressed since it was listed
                end => end?,
            },
            Form::Gzip => u64::MAX,
            Form::Unfinished => continue,
        };
        match parts.last_mut().filter(|last| last.name == name) {
            Some(twice) => twice.end = twice.end.min(end),
            None => parts.push(Part { name, end }),
        }
    }
    Ok(parts)
}

/// Where the last whole line of a file ends.
fn end_of_lines(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(RECORD_BYTES_MAX as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(length - start).read_to_end(&mut tail)?;
    let last = tail.iter().rposition(|byte| *byte == b'\n');
    Ok(start + last.map_or(0, |at| at as u64 + 1))
}
