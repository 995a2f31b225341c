//! `photo_upload` and `photo_upload_memory`: uploads that are on the disk, against a bare loop that does the same to the
//! same pictures, and the memory that many of them take at the same time.
//!
//! Neither side is pinned: each has every core. The generator shares them with the node, and so do the network, the
//! hashes, the database and the staging of an upload, none of which the bare loop has.

mod bare;

pub(super) use bare::processed;

use std::{thread, time::Duration};

use super::{
    pictures::{describe, pictures},
    shared::{RATE_LIMITS_NOTE, expect_only},
};
use crate::{
    accounts::{self, Account},
    figure::Figure,
    load::{self, Outcome, Pace, Plan, Request},
    node::{Launch, Node},
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long one side is measured before the other one's turn.
const WINDOW: Duration = Duration::from_secs(8);
/// How long memory is watched.
const MEMORY_WINDOW: Duration = Duration::from_secs(8);
/// Different pictures.
const PICTURES: usize = 4;
/// Uploads at the same time, for each core; in a short run, whose node is slow, one.
const PER_CORE: usize = 8;
/// Uploads at the same time while memory is watched; `photo.uploads_max` of the default configuration.
const AT_ONCE: usize = 64;
/// `photo.uploads_max` while memory is watched: all of them come from one address, which has half of it.
const UPLOADS_MAX: usize = 2 * AT_ONCE;
/// `photo.decode_memory_bytes` of the default configuration.
const DECODE_MEMORY_BYTES: f64 = 268_435_456.0;
/// What else uploads may take.
const OTHER_MEMORY_BYTES: f64 = 64e6;
/// So many threads that the budget, and not their number, bounds what is decoded at the same time.
const MANY_THREADS: usize = 16;
/// How long a node is left alone before its memory is read.
const SETTLED: Duration = Duration::from_secs(2);

/// Measures both.
///
/// # Errors
/// The node fails, or refuses a good picture.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let pictures = pictures(run, run.count(PICTURES, 1))?;
    let launch = run.node("upload")?.unlimited();
    let node = launch.start()?;
    let accounts = accounts::register(node.gateway, run.count(AT_ONCE, 4))?;
    let uploads = uploads(&accounts, &pictures);
    let rate = rate(run, &node, &uploads, &pictures)?;
    node.stop()?;
    Ok(vec![rate, memory(run, &launch, &uploads, &pictures)?])
}

fn uploads(accounts: &[Account], pictures: &[Vec<u8>]) -> Vec<Request> {
    let each = accounts.iter().zip(pictures.iter().cycle());
    each.map(|(account, picture)| Request::upload("/me/photos", &account.token, "image/jpeg", picture)).collect()
}

fn load(node: &Node, uploads: &[Request], connections: usize, window: Duration) -> Result<Outcome, Failure> {
    let plan =
        Plan { server: node.gateway, requests: uploads.into(), once: false, pace: Pace::Closed, connections, window };
    Ok(load::run(None, &[plan])?.swap_remove(0))
}

fn rate(run: &Run, node: &Node, uploads: &[Request], pictures: &[Vec<u8>]) -> Result<Figure, Failure> {
    let (cores, window) = (run.cores.count(), run.window(WINDOW));
    let connections = run.count(PER_CORE, 1) * cores;
    let (mut ours, mut bare) = (Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        bare.add(bare::rate(&run.directory("bare")?, pictures, cores, window)?);
        let outcome = load(node, uploads, connections, window)?;
        expect_only(&outcome, 201)?;
        ours.add(outcome.rate(201));
        run.progress(format!("photo_upload {}: {:.2} against {:.2} a second", repeat + 1, ours.last(), bare.last()));
    }
    let reference =
        ("bare loop on all cores: decode, strip, rendition, two synced files and their directory", bare.median());
    Ok(Figure::at_least("photo_upload", "uploads/s", ours.median(), reference, 0.8)
        .note(describe(run, pictures))
        .note(
            "both sides process by the photo domain's own code; the bare loop has no HTTP, hashes, staging or database",
        )
        .note(format!("{cores} cores, neither side pinned; closed loop over {connections} connections"))
        .note(RATE_LIMITS_NOTE)
        .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), bare.spread())))
}

/// How much more memory a node has resident at the worst than before, with [`AT_ONCE`] uploads at once.
fn memory(run: &Run, launch: &Launch, uploads: &[Request], pictures: &[Vec<u8>]) -> Result<Figure, Failure> {
    let (mut usual, mut many) = (Repeats::default(), Repeats::default());
    let launch = &launch.clone().set("photo.uploads_max", UPLOADS_MAX);
    let crowded = launch.clone().set("photo.threads", MANY_THREADS);
    for _ in 0..run.repeats() {
        usual.add(growth(run, launch, uploads)?);
        many.add(growth(run, &crowded, uploads)?);
        run.progress(format!(
            "photo_upload_memory: {:.0} MB, with {MANY_THREADS} threads {:.0} MB",
            usual.last(),
            many.last()
        ));
    }
    let limit = ("photo.decode_memory_bytes and 64 MB", (DECODE_MEMORY_BYTES + OTHER_MEMORY_BYTES) / 1e6);
    Ok(Figure::at_most("photo_upload_memory", "MB", many.median(), limit, 1.0)
        .note(describe(run, pictures))
        .note(format!("VmHWM under {AT_ONCE} uploads at once, less VmRSS before them; photo.uploads_max at {UPLOADS_MAX}"))
        .note(format!(
            "with photo.threads at {MANY_THREADS}, where the budget bounds it; on the default configuration ({} cores): {:.0} MB",
            run.cores.count(),
            usual.median()
        ))
        .note(format!("{} repeats: {}; default {}", run.repeats(), many.spread(), usual.spread())))
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn growth(run: &Run, launch: &Launch, uploads: &[Request]) -> Result<f64, Failure> {
    let node = launch.start()?;
    thread::sleep(run.window(SETTLED));
    let before = node.resident_bytes()?;
    let outcome = load(&node, uploads, AT_ONCE, run.window(MEMORY_WINDOW))?;
    if outcome.count(201) == 0 || outcome.count(201) + outcome.count(503) != outcome.answered() || outcome.broken > 0 {
        return Err(Failure::said(format!("201 was expected, or 503: {}", outcome.describe())));
    }
    let peak = node.peak_bytes()?;
    node.stop()?;
    Ok(peak.saturating_sub(before) as f64 / 1e6)
}
