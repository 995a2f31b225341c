//! The reference: the photo domain's own processing in a loop on every core, and its results on the disk.

use std::{
    fs::{self, File},
    io::{Cursor, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use portico_photo::{
    Limits,
    image::{Header, Processed, process},
};

use crate::run::Failure;

/// As `config/default.yml` has them.
const LIMITS: Limits = Limits { upload_max_bytes: 10_485_760, pixels_max: 24_000_000, photos_per_user_max: 1_000 };

/// Decodes a picture, cuts its metadata out and makes its rendition.
pub(crate) fn processed(picture: &[u8]) -> Result<Processed, Failure> {
    let header = Header::read(&mut Cursor::new(picture), &LIMITS).map_err(Failure::said)?;
    process(picture, &header, &LIMITS).map_err(Failure::said)
}

/// Pictures a second of `threads` threads, which keep them in `directory`. It is removed afterwards.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn rate(directory: &Path, pictures: &[Vec<u8>], threads: usize, window: Duration) -> Result<f64, Failure> {
    let began = Instant::now();
    let work = |thread: usize| {
        let own = directory.join(thread.to_string());
        fs::create_dir(&own)?;
        let mut count = 0;
        while began.elapsed() < window {
            keep(&own, count, &processed(&pictures[(thread + count) % pictures.len()])?)?;
            count += 1;
        }
        Ok::<_, Failure>(count)
    };
    let counts = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("processing does not panic")).sum::<Result<usize, _>>()
    });
    let lasted = began.elapsed();
    fs::remove_dir_all(directory)?;
    Ok(counts? as f64 / lasted.as_secs_f64())
}

/// Both files, under another name first, and their directory.
fn keep(directory: &Path, number: usize, picture: &Processed) -> std::io::Result<()> {
    for (kind, bytes) in [("orig", &picture.original), ("thumb", &picture.thumb)] {
        let path = directory.join(format!("{number}.{kind}"));
        let unfinished = path.with_extension("new");
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
