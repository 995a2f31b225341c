//! Opening files that an earlier run wrote, perhaps until it was killed.
//!
//! Invariant: a file is cut after its last line that is a record, and what is left is durable, before anything relies
//! on it: before it is appended to, compressed, or believed about what it holds.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use flate2::bufread::GzDecoder;
use portico_log::{Head, Service};

use super::{
    marks::Marks,
    name::{FileName, Form},
    sync_dir,
};

/// How much of the end of a service's files is read to learn what they hold: far more than can be repeated. Small files are
/// looked at until they are so much together.
const TAIL_BYTES: u64 = 8 * 1024 * 1024;
/// The least number of them, however large the last one is.
const TAIL_FILES_MIN: usize = 2;

/// What the last files of a service hold, for certain: plain ones are mended, so that nothing is taken for held that a
/// power cut could still take. `files` are all files there are, in order.
pub(super) fn marks(dir: &Path, service: &Service, files: &[(FileName, Form)]) -> io::Result<Marks> {
    let (mut found, mut seen) = (Vec::new(), 0);
    let of_service = files.iter().rev().filter(|(name, form)| name.service == *service && *form != Form::Unfinished);
    for (name, form) in of_service {
        if found.len() >= TAIL_FILES_MIN && seen >= TAIL_BYTES {
            break;
        }
        let (path, mut marks) = (dir.join(name.in_form(*form)), Marks::default());
        seen += match form {
            Form::Plain => mend(&path, &mut marks)?,
            // Synced before it got its name. Damage in a closed file must not keep the service from writing.
            Form::Gzip | Form::Unfinished => {
                let file = BufReader::new(File::open(path)?);
                scan(&mut BufReader::new(GzDecoder::new(file)), &mut marks).unwrap_or_default()
            }
        };
        found.push(marks);
    }
    let mut marks = Marks::default();
    for of_file in found.into_iter().rev() {
        marks.note_all(of_file); // the oldest first, so that it gives way first
    }
    sync_dir(dir)?; // a file may have been made, and not its name's sync been reached
    Ok(marks)
}

/// Cuts a file after its last line that is a record, syncs it, and notes its last records in `marks`; answers its length.
/// Says so if something was cut.
pub(super) fn mend(path: &Path, marks: &mut Marks) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    let whole = last_record(&file, length, marks)?;
    if whole < length {
        file.set_len(whole)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        tracing::warn!(log.file = %name, bytes = length - whole, "torn line cut from the end of a log file");
        last_record(&file, whole, marks)?; // the look before may have been at little but what was cut
    }
    file.sync_all()?;
    Ok(whole)
}

/// Where the last record of a file ends, of which `end` bytes are looked at, from the end on and as far back as it takes:
/// a file that grew before its bytes reached the disk is full of zeros.
fn last_record(file: &File, mut end: u64, marks: &mut Marks) -> io::Result<u64> {
    while end > 0 {
        let begin = end.saturating_sub(TAIL_BYTES);
        let mut file = file;
        file.seek(SeekFrom::Start(begin))?;
        let mut lines = BufReader::new(file.take(end - begin));
        // A line that began earlier is left for the next look, unless it is longer than any record.
        let start = if begin > 0 { begin + lines.skip_until(b'\n')? as u64 } else { 0 };
        let whole = scan(&mut lines, marks)?;
        if whole > 0 {
            return Ok(start + whole);
        }
        end = if begin > 0 && start < end { start } else { begin };
    }
    Ok(0)
}

/// Notes all records in `marks`; answers where the last of them ends.
fn scan(lines: &mut impl BufRead, marks: &mut Marks) -> io::Result<u64> {
    let (mut line, mut offset, mut whole) = (Vec::new(), 0, 0);
    while lines.by_ref().take(TAIL_BYTES).read_until(b'\n', &mut line)? > 0 {
        offset += line.len() as u64;
        if line.ends_with(b"\n")
            && let Ok(head) = Head::parse(&line)
            && let Ok(service) = Service::parse(&head.resource.service)
        {
            whole = offset;
            marks.note((service, Arc::from(&*head.resource.instance), head.boot), head.sequence);
        }
        line.clear();
    }
    Ok(whole)
}
