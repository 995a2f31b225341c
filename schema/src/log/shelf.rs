//! The open file of each service, and when the next one begins.
//!
//! Invariant: a file is only ever appended to, by one segment, and never again once another file of its service was
//! begun; at most [`OPEN_MAX`] are open.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use portico_log::{Record, Service};
use time::Date;

use super::{
    marks::{Marks, Staged},
    name::{FileName, Form, list},
    recover,
    segment::Segment,
    sync_dir,
};

/// The most files that are open; past it the one is closed that was written least recently.
const OPEN_MAX: usize = 64;

/// The open files.
pub(super) struct Shelf {
    dir: PathBuf,
    rotate_bytes: u64,
    open: BTreeMap<Service, Open>,
    appends: u64,
    /// The file that is being compressed: it may not be opened, even if the clock was put back to its day.
    pub(super) compressing: Option<FileName>,
}

struct Open {
    name: FileName,
    segment: Segment,
    appended: u64,
}

impl Shelf {
    pub(super) fn new(dir: PathBuf, rotate_bytes: u64) -> Self {
        Self { dir, rotate_bytes, open: BTreeMap::new(), appends: 0, compressing: None }
    }

    /// Appends each record to its service's file of its day. A record that comes late, when a file of a later day is
    /// open, goes there; one that claims to come from tomorrow goes to today's.
    pub(super) fn append(&mut self, records: &[Record], today: Date) -> io::Result<()> {
        let mut services = BTreeMap::<&Service, Vec<&Record>>::new();
        for record in records {
            services.entry(&record.service).or_default().push(record);
        }
        for (service, records) in services {
            self.append_to(service, &records, today)?;
        }
        Ok(())
    }

    /// Closes all files.
    pub(super) fn close_all(&mut self) {
        self.open.clear();
    }

    /// Closes those of days before `today`.
    pub(super) fn close_before(&mut self, today: Date) {
        self.open.retain(|_, open| open.name.date >= today);
    }

    /// Whether a file is open.
    pub(super) fn is_open(&self, name: &FileName) -> bool {
        self.open.get(&name.service).is_some_and(|open| open.name == *name)
    }

    fn append_to(&mut self, service: &Service, records: &[&Record], today: Date) -> io::Result<()> {
        let mut open = match self.open.remove(service) {
            Some(open) => open,
            None => self.open(service, records, today)?,
        };
        let written = self.fill(&mut open, records, today);
        self.appends += 1;
        open.appended = self.appends;
        self.make_room();
        self.open.insert(service.clone(), open);
        written
    }

    /// Writes as many as belong into the open file, then the next file, and so on.
    fn fill(&self, open: &mut Open, records: &[&Record], today: Date) -> io::Result<()> {
        let (mut pending, mut bytes, mut seen) = (Vec::with_capacity(records.len()), 0, Staged::default());
        for record in records {
            if !open.segment.marks().stage(&mut seen, record) {
                continue; // it must not begin a file
            }
            let (day, size) = (record.time.date().min(today), record.line().len() as u64);
            let length = open.segment.length() + bytes;
            if day > open.name.date || (length > 0 && length + size > self.rotate_bytes) {
                open.segment.append(&pending)?;
                (pending, bytes) = (Vec::new(), 0);
                self.rotate(open, day.max(open.name.date))?;
            }
            pending.push(*record);
            bytes += size;
        }
        open.segment.append(&pending)
    }

    /// Opens the file that a service's next records go to: today's last, if that is not full, or a new one.
    fn open(&self, service: &Service, records: &[&Record], today: Date) -> io::Result<Open> {
        let files = list(&self.dir)?;
        let marks = recover::marks(&self.dir, service, &files)?;
        let last = files.iter().rfind(|(name, form)| name.service == *service && *form != Form::Unfinished);
        if let Some((name, Form::Plain)) = last
            && name.date == today
            && self.compressing.as_ref() != Some(name)
        {
            let file = OpenOptions::new().append(true).open(self.dir.join(name.in_form(Form::Plain)))?;
            let length = file.metadata()?.len(); // whole and durable: it was looked at for its marks
            let segment = Segment::new(file, length, marks);
            return Ok(Open { name: name.clone(), segment, appended: 0 });
        }
        let oldest = records.iter().map(|record| record.time.date()).min().unwrap_or(today);
        let yesterday = today.previous_day().unwrap_or(today);
        self.begin(next(service, oldest.clamp(yesterday, today), &files), marks)
    }

    fn rotate(&self, open: &mut Open, day: Date) -> io::Result<()> {
        let name = next(&open.name.service, day, &list(&self.dir)?);
        open.segment.go_on_in(self.create(&name)?);
        open.name = name;
        Ok(())
    }

    fn begin(&self, name: FileName, marks: Marks) -> io::Result<Open> {
        let segment = Segment::new(self.create(&name)?, 0, marks);
        Ok(Open { name, segment, appended: 0 })
    }

    fn create(&self, name: &FileName) -> io::Result<File> {
        let path = self.dir.join(name.in_form(Form::Plain));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        sync_dir(&self.dir)?;
        Ok(file)
    }

    fn make_room(&mut self) {
        if self.open.len() >= OPEN_MAX {
            let idlest = self.open.iter().min_by_key(|(_, open)| open.appended).map(|(service, _)| service.clone());
            idlest.and_then(|service| self.open.remove(&service));
        }
    }
}

/// The name after the last of a service's day.
fn next(service: &Service, date: Date, files: &[(FileName, Form)]) -> FileName {
    let of_day = files.iter().filter(|(name, _)| name.service == *service && name.date == date);
    let part = of_day.map(|(name, _)| name.part + 1).max().unwrap_or(0);
    FileName { service: service.clone(), date, part }
}
