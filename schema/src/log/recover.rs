//! Opening files that an earlier run wrote, perhaps until it was killed.
//!
//! Invariant: a file is cut after its last line that is a record, and what is left is durable, before anything relies
//! on it.

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
};

/// How much of the end of a service's last files is read to learn what they hold: far more than can be repeated.
const TAIL_BYTES: u64 = 8 * 1024 * 1024;
/// How many of them.
const TAIL_FILES: usize = 2;

/// What the last files of a service hold. `files` are all files there are, in order.
pub(super) fn marks(dir: &Path, service: &Service, files: &[(FileName, Form)]) -> io::Result<Marks> {
    let mut marks = Marks::default();
    let of_service = files.iter().rev().filter(|(name, form)| name.service == *service && *form != Form::Unfinished);
    for (name, form) in of_service.take(TAIL_FILES) {
        let file = File::open(dir.join(name.in_form(*form)))?;
        match form {
            Form::Plain => _ = scan(&mut tail(file)?.1, &mut marks)?,
            // Damage in a closed file must not keep the service from writing.
            Form::Gzip | Form::Unfinished => {
                let _as_far_as_it_goes = scan(&mut BufReader::new(GzDecoder::new(BufReader::new(file))), &mut marks);
            }
        }
    }
    Ok(marks)
}

/// Cuts a file after its last whole line, syncs it, and tells its length. Says so if something was cut.
pub(super) fn mend(path: &Path) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    let (start, mut lines) = tail(file.try_clone()?)?;
    let whole = start + scan(&mut lines, &mut Marks::default())?;
    if whole < length {
        file.set_len(whole)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        tracing::warn!(log.file = %file, bytes = length - whole, "torn line cut from the end of a log file");
    }
    file.sync_all()?;
    Ok(whole)
}

/// The last lines of a file, and where they begin.
fn tail(mut file: File) -> io::Result<(u64, BufReader<File>)> {
    let mut start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut lines = BufReader::new(file);
    if start > 0 {
        start += lines.skip_until(b'\n')? as u64;
    }
    Ok((start, lines))
}

/// Notes all records in `marks`; answers where the last of them ends.
fn scan(lines: &mut impl BufRead, marks: &mut Marks) -> io::Result<u64> {
    let (mut line, mut offset, mut whole) = (Vec::new(), 0, 0);
    while lines.by_ref().take(TAIL_BYTES).read_until(b'\n', &mut line)? > 0 {
        offset += line.len() as u64;
        if line.ends_with(b"\n")
            && let Ok(head) = Head::parse(&line)
        {
            whole = offset;
            marks.note(Arc::from(&*head.resource.instance), head.boot, head.sequence);
        }
        line.clear();
    }
    Ok(whole)
}
