//! The records that are written while one looks.
//!
//! Invariant: a file is left for the next one only when that one was there before the file was read to its end, for then
//! nobody writes to it any more.

use std::{collections::BTreeMap, io, path::PathBuf};

use portico_log::{Filter, Service};

use super::{Entry, Part, chain::Lines, parts};
use crate::log::name::FileName;

/// The most bytes that are read of one service at a time.
const POLL_BYTES_MAX: u64 = 1024 * 1024;

/// Goes on reading where a [`Reader`](super::Reader) ends.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    filter: Filter,
    /// Where each service was left.
    places: BTreeMap<Service, Place>,
}

#[derive(Debug)]
struct Place {
    name: FileName,
    offset: u64,
}

impl Follow {
    pub(super) fn new(dir: PathBuf, filter: Filter, parts: &[Part]) -> Self {
        let place = |part: &Part| (part.name.service.clone(), Place { name: part.name.clone(), offset: part.end });
        Self { dir, filter, places: parts.iter().map(place).collect() } // of each service the last stays
    }

    /// What was written since the last look, merged by time: at most 1 MiB of each service, so look again at once when
    /// there was something.
    ///
    /// # Errors
    /// The directory or a file in it cannot be read. The next look goes on from where it was.
    pub fn poll(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut left = BTreeMap::<Service, u64>::new();
        for part in &parts(&self.dir)? {
            if !self.wants(&part.name) {
                continue;
            }
            let left = left.entry(part.name.service.clone()).or_insert(POLL_BYTES_MAX);
            if *left > 0 {
                *left = left.saturating_sub(self.read(part, *left, &mut entries)?);
            }
        }
        entries.sort_by_key(|entry| entry.time);
        Ok(entries)
    }

    fn wants(&self, name: &FileName) -> bool {
        let unwanted = !self.filter.services.is_empty() && !self.filter.services.contains(&name.service);
        !unwanted && self.places.get(&name.service).is_none_or(|place| place.name <= *name)
    }

    /// Reads a file from its place on; answers how many bytes that were.
    fn read(&mut self, part: &Part, bytes_max: u64, entries: &mut Vec<Entry>) -> io::Result<u64> {
        let known = self.places.get(&part.name.service).filter(|place| place.name == part.name);
        let mut offset = known.map_or(0, |place| place.offset).min(part.end); // it may have been cut back
        if offset == part.end {
            self.leave(part, offset);
            return Ok(0);
        }
        let Some(mut lines) = Lines::open(&self.dir, &part.name, offset, part.end)? else { return Ok(0) };
        let mut at_end = false;
        while lines.consumed() < bytes_max && !at_end {
            at_end = !lines.advance()?;
            entries.extend(lines.entry(&self.filter).filter(|_| !at_end));
        }
        // A compressed file that was read to its end will never have more.
        offset = if at_end && part.end == u64::MAX { u64::MAX } else { offset + lines.consumed() };
        self.leave(part, offset);
        // The next file is not for this look unless this one is done.
        Ok(if at_end || offset == part.end { lines.consumed() } else { bytes_max })
    }

    fn leave(&mut self, part: &Part, offset: u64) {
        self.places.insert(part.name.service.clone(), Place { name: part.name.clone(), offset });
    }
}
