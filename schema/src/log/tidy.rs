//! What is due by the clock: closing yesterday's files, compressing what is closed, deleting what is too old.
//!
//! Invariant: at every moment the records of a closed file stand in one whole, durable file: the compressed one is synced
//! and named before the plain one is removed, and a crash in between is put right by the next run.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::PoisonError,
};

use flate2::{Compression, write::GzEncoder};
use time::{Date, Duration};

use super::{
    Shared,
    marks::Marks,
    name::{FileName, Form, list},
    recover, sync_dir,
};

/// Does all of it. A file that cannot be served does not keep the others from it; the first failure is answered.
pub(super) fn tidy(shared: &Shared) -> io::Result<()> {
    let _one_at_a_time = shared.tidying.lock().unwrap_or_else(PoisonError::into_inner);
    let today = shared.clock.now().date();
    let (closed, unfinished) = closed(shared, today)?;
    let mut done = Ok(());
    for name in &unfinished {
        done = done.and(remove(&shared.settings.dir, name, Form::Unfinished));
    }
    for name in closed.iter().filter(|name| !is_old(shared, name, today)) {
        done = done.and(replace(shared, name, today));
    }
    done.and(delete_old(shared, today)).and(delete_beyond_bytes(shared))
}

/// The plain files that nobody will ever append to, and what a crash left behind.
fn closed(shared: &Shared, today: Date) -> io::Result<(Vec<FileName>, Vec<FileName>)> {
    let mut shelf = shared.shelf(); // one look at what is open and what is there
    shelf.close_before(today);
    let files = list(&shared.settings.dir)?;
    let of_form = |wanted| files.iter().filter(move |(_, form)| *form == wanted).map(|(name, _)| name.clone());
    let closed = of_form(Form::Plain).filter(|name| !shelf.is_open(name) && !may_be_opened(name, &files, today));
    Ok((closed.collect(), of_form(Form::Unfinished).collect()))
}

/// A service goes on in its last file when that is today's.
fn may_be_opened(name: &FileName, files: &[(FileName, Form)], today: Date) -> bool {
    name.date >= today && !files.iter().any(|(other, _)| other.service == name.service && other > name)
}

/// Puts the compressed file in place of the plain one, unless it has been opened since, which takes a clock put back.
fn replace(shared: &Shared, name: &FileName, today: Date) -> io::Result<()> {
    {
        let mut shelf = shared.shelf();
        if shelf.is_open(name) || name.date > today {
            return Ok(());
        }
        shelf.compressing = Some(name.clone());
    }
    let compressed = compress(&shared.settings.dir, name);
    shared.shelf().compressing = None;
    compressed
}

fn compress(dir: &Path, name: &FileName) -> io::Result<()> {
    let [plain, unfinished, gzip] =
        [Form::Plain, Form::Unfinished, Form::Gzip].map(|form| dir.join(name.in_form(form)));
    if !gzip.try_exists()? {
        recover::mend(&plain, &mut Marks::default())?;
        let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        // A third of the work of the default level, for files that are a tenth larger.
        let mut encoder = GzEncoder::new(out, Compression::fast());
        io::copy(&mut File::open(&plain)?, &mut encoder)?;
        encoder.finish()?.sync_all()?;
        fs::rename(unfinished, gzip)?;
        sync_dir(dir)?;
    }
    fs::remove_file(plain)
}

fn is_old(shared: &Shared, name: &FileName, today: Date) -> bool {
    today - name.date > Duration::days(shared.settings.keep_days.into())
}

fn delete_old(shared: &Shared, today: Date) -> io::Result<()> {
    let dir = &shared.settings.dir;
    let old = list(dir)?.into_iter().filter(|(name, _)| is_old(shared, name, today));
    old.map(|(name, form)| remove(dir, &name, form)).fold(Ok(()), io::Result::and)
}

/// Deletes compressed files, the oldest first, until all files together are small enough.
fn delete_beyond_bytes(shared: &Shared) -> io::Result<()> {
    let Some(keep) = shared.settings.keep_bytes else { return Ok(()) };
    let dir = &shared.settings.dir;
    let mut files = list(dir)?;
    files.sort_by_key(|(name, _)| (name.date, name.part));
    let size =
        |(name, form): &(FileName, Form)| fs::metadata(dir.join(name.in_form(*form))).map_or(0, |found| found.len());
    let mut total: u64 = files.iter().map(size).sum();
    for file in files.iter().filter(|(_, form)| *form == Form::Gzip) {
        if total <= keep {
            break;
        }
        total -= size(file);
        remove(dir, &file.0, file.1)?;
    }
    Ok(())
}

fn remove(dir: &Path, name: &FileName, form: Form) -> io::Result<()> {
    fs::remove_file(dir.join(name.in_form(form)))
}
