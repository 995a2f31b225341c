//! The reference: lines that are ready made, a buffer, a file, and a sync after the same records.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    time::Instant,
};

use super::{count, pipeline::Written};
use crate::run::Failure;

/// As much as the standard library advises for large writes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Records a second of a bare writer that is given as many lines, as long, with as many syncs, as `written` had.
pub(super) fn rate(directory: &Path, written: &Written) -> Result<f64, Failure> {
    let sample = written.sample.as_ref().ok_or_else(|| Failure::said("the log wrote nothing"))?;
    let file = File::create(directory.join("lines.jsonl")).map_err(Failure::io("a file cannot be made"))?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut lines = sample.iter().cycle();
    let began = Instant::now();
    for batch in &written.batches {
        for record in lines.by_ref().take(*batch) {
            out.write_all(record.line())?;
        }
        out.flush()?;
        out.get_ref().sync_data()?;
    }
    Ok(count(written.batches.iter().sum()) / began.elapsed().as_secs_f64())
}
