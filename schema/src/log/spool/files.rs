//! The files of a spool, and the one that says how far they were carried.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use portico_log::Place;

/// Says how far the records were carried.
const SENT: &str = "sent";

/// Where the file with this number lies. Names sort as numbers do.
pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.jsonl"))
}

/// The numbers of all files, in order.
pub(super) fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// How far the records were carried, as far as is known: what cannot be read is carried again, and known to whoever
/// keeps it.
pub(super) fn sent(dir: &Path) -> Place {
    let text = fs::read_to_string(dir.join(SENT)).unwrap_or_default();
    let place = text.strip_suffix('\n').and_then(|text| {
        let (file, offset) = text.split_once(' ')?;
        Some(Place { file: file.parse().ok()?, offset: offset.parse().ok()? })
    });
    place.unwrap_or(Place { file: 0, offset: 0 })
}

/// Writes it down. Not synced: a power cut may bring back an earlier place, never a later one.
pub(super) fn set_sent(dir: &Path, place: Place) -> io::Result<()> {
    let unfinished = dir.join("sent.new");
    fs::write(&unfinished, format!("{} {}\n", place.file, place.offset))?;
    fs::rename(unfinished, dir.join(SENT))
}
