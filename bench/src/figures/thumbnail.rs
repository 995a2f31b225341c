//! `thumbnail`: renditions of the photo domain's own code, against `vipsthumbnail` on the same files.
//!
//! `vipsthumbnail` has its JPEG decoder shrink while it decodes; the photo domain decodes every pixel, since that is the
//! proof that an upload is whole, and cuts the metadata out besides.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use super::{
    photo_upload::processed,
    pictures::{describe, pictures},
};
use crate::{
    cores::on_core,
    figure::Figure,
    run::{Failure, Run},
    statistics::Repeats,
};

/// Different pictures.
const PICTURES: usize = 4;
/// How many files one turn reads: enough that the start of a program counts for little.
const FILES: usize = 24;
const FLOOR: f64 = 0.3;
const PROGRAM: &str = "vipsthumbnail";

/// Measures it. Without `vipsthumbnail` there is nothing to measure against, and the figure has missed its floor.
///
/// # Errors
/// A file cannot be written or processed.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let Some(version) = version() else {
        let missing =
            Figure::at_least("thumbnail", "renditions/s", 0.0, ("vipsthumbnail, which is not there", 1.0), FLOOR);
        return Ok(vec![missing.note(
            "NOT MEASURED: vipsthumbnail cannot be run here (Debian: apt-get install libvips-tools); the values mean nothing",
        )]);
    };
    let pictures = pictures(run, run.count(PICTURES, 1))?;
    let files = files(&run.directory("pictures")?, &pictures, run.count(FILES, 2))?;
    let (mut ours, mut theirs) = (Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        let out = run.directory("thumbs")?;
        let turn = || Ok::<_, Failure>((vips_per_s(&files, &out)?, own_per_s(&files, &out)?));
        let (vips, own) = on_core(run.cores.server(), turn).map_err(Failure::io("the server's core is refused"))??;
        theirs.add(vips);
        ours.add(own);
        run.progress(format!("thumbnail {}: {own:.2} against {vips:.2} a second", repeat + 1));
    }
    let reference = format!("{version} with one thread, shrinking on load");
    Ok(vec![
        Figure::at_least("thumbnail", "renditions/s", ours.median(), (&reference, theirs.median()), FLOOR)
            .note(describe(run, &pictures))
            .note(
                "256 pixels, JPEG of quality 90, from file to file; both on the same core, one picture after the other",
            )
            .note("ours decodes every pixel and strips metadata; theirs decodes an eighth of each side")
            .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), theirs.spread())),
    ])
}

/// What the program calls itself, if it is there.
fn version() -> Option<String> {
    let said = Command::new(PROGRAM).arg("--vips-version").output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout);
    said.status.success().then(|| format!("{PROGRAM} ({})", text.lines().next().unwrap_or_default().trim()))
}

/// Each file has a name of its own: the program remembers what it has done to a name.
fn files(directory: &Path, pictures: &[Vec<u8>], count: usize) -> Result<Vec<PathBuf>, Failure> {
    let numbered = pictures.iter().cycle().take(count).enumerate();
    let kept = numbered.map(|(number, picture)| {
        let path = directory.join(format!("{number}.jpg"));
        fs::write(&path, picture).map(|()| path)
    });
    kept.collect::<Result<_, _>>().map_err(Failure::io("a picture cannot be written"))
}

fn vips_per_s(files: &[PathBuf], out: &Path) -> Result<f64, Failure> {
    let mut output = OsString::from(out.join("%s-vips.jpg"));
    output.push("[Q=90]");
    let mut vips = Command::new(PROGRAM);
    vips.env("VIPS_CONCURRENCY", "1").arg("--size").arg("256").arg("--output").arg(output).args(files);
    let began = Instant::now();
    let status = vips.stdin(Stdio::null()).status().map_err(Failure::io("vipsthumbnail cannot be run"))?;
    let lasted = began.elapsed();
    let made = fs::read_dir(out)?.count();
    if !status.success() || made != files.len() {
        return Err(Failure::said(format!("vipsthumbnail ended with {status} after {made} of {} files", files.len())));
    }
    Ok(per_s(files.len(), lasted))
}

fn own_per_s(files: &[PathBuf], out: &Path) -> Result<f64, Failure> {
    let began = Instant::now();
    for (number, path) in files.iter().enumerate() {
        fs::write(out.join(format!("{number}-own.jpg")), processed(&fs::read(path)?)?.thumb)?;
    }
    Ok(per_s(files.len(), began.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_s(count: usize, lasted: std::time::Duration) -> f64 {
    count as f64 / lasted.as_secs_f64()
}
