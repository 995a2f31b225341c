use std::sync::{Arc, Mutex};

use portico_log::testkit::{contract::NOW, origin, record};

use super::*;

/// A disk with room for some bytes, on which cutting and syncing can fail too.
#[derive(Clone)]
struct Disk(Arc<Mutex<State>>);

struct State {
    bytes: Vec<u8>,
    room: usize,
    syncs: bool,
    cuts: bool,
}

impl Disk {
    fn with_room(room: usize) -> Self {
        Self(Arc::new(Mutex::new(State { bytes: Vec::new(), room, syncs: true, cuts: true })))
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let taken = bytes.len().min(state.room - state.bytes.len());
        state.bytes.extend_from_slice(&bytes[..taken]);
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Medium for Disk {
    fn sync(&mut self) -> io::Result<()> {
        if self.0.lock().unwrap().syncs { Ok(()) } else { Err(io::Error::other("cannot sync")) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if !state.cuts {
            return Err(io::Error::other("cannot cut"));
        }
        state.bytes.truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}

fn records(count: u64) -> Vec<Record> {
    (1..=count).map(|sequence| record("user", &origin(1), sequence, NOW, "hello")).collect()
}

fn text(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(|record| record.line().to_vec()).collect()
}

#[test]
fn a_full_disk_is_cut_back_to_whole_lines_and_what_it_refused_is_kept_once_it_has_room() {
    let all = records(10);
    let (disk, kept) = (Disk::with_room(text(&all).len() - 40), text(&all[..4]));
    let mut segment = Segment::new(disk.clone(), 0, Marks::default());
    segment.append(&all[..4].iter().collect::<Vec<_>>()).unwrap();

    let full = segment.append(&all.iter().collect::<Vec<_>>()).unwrap_err();
    let after_the_failure = disk.bytes();
    disk.set(|state| state.room = 1 << 20);
    segment.append(&all.iter().collect::<Vec<_>>()).unwrap();

    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    assert_eq!(after_the_failure, kept);
    assert_eq!(disk.bytes(), text(&all));
}

#[test]
fn what_could_not_be_synced_is_written_again() {
    let all = records(3);
    let disk = Disk::with_room(1 << 20);
    let mut segment = Segment::new(disk.clone(), 0, Marks::default());
    disk.set(|state| state.syncs = false);

    let unsynced = segment.append(&all.iter().collect::<Vec<_>>());
    disk.set(|state| state.syncs = true);
    segment.append(&all.iter().collect::<Vec<_>>()).unwrap();

    assert!(unsynced.is_err());
    assert_eq!(disk.bytes(), text(&all));
}

#[test]
fn nothing_is_written_after_a_torn_line_that_cannot_be_cut() {
    let all = records(2);
    let disk = Disk::with_room(50);
    let mut segment = Segment::new(disk.clone(), 0, Marks::default());
    disk.set(|state| state.cuts = false);

    let torn = segment.append(&[&all[0]]);
    disk.set(|state| state.room = 1 << 20);
    let still_torn = segment.append(&[&all[0]]);
    disk.set(|state| state.cuts = true);
    segment.append(&all.iter().collect::<Vec<_>>()).unwrap();

    assert!(torn.is_err() && still_torn.is_err());
    assert_eq!(disk.bytes(), text(&all));
}
