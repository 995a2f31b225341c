//! `idle_memory`, `memory_100k_sessions`, `start_ms` and `binary_mb`: what a node takes before it does anything.
//!
//! They stand against fixed limits, since there is nothing to measure beside them. A megabyte is 1,000,000 bytes.

mod sessions;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::shared::{RATE_LIMITS_NOTE, expect_only};
use crate::{
    accounts,
    figure::Figure,
    load::{self, Pace, Plan, Request},
    node::{Launch, Node},
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long a node is left alone before its memory is read: what it needed only to start is given back by then.
const SETTLED: Duration = Duration::from_secs(2);
/// How often a node is started for `start_ms`.
const STARTS: usize = 20;
/// How long a node may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Connections over which sessions are used.
const CONNECTIONS: usize = 64;

/// Measures all four.
///
/// # Errors
/// The node fails, or refuses a live session.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let launch = run.node("footprint")?.unlimited();
    launch.start()?.stop()?; // makes the databases
    let count = run.count(100_000, 1_000);
    run.progress(format!("keeping {count} sessions"));
    let tokens = sessions::keep(&launch.data().join("session.db"), count)?;
    let requests = tokens.iter().map(|token| Request::get("/session/verify", Some(token))).collect();
    Ok(vec![
        idle_memory(run)?,
        memory_of_sessions(run, &launch, requests)?,
        start_ms(run, &launch, count)?,
        binary_mb(run)?,
    ])
}

/// A new node on the default configuration that nobody asked anything.
fn idle_memory(run: &Run) -> Result<Figure, Failure> {
    let mut idle = Repeats::default();
    for _ in 0..run.repeats() {
        let node = run.node("idle")?.start()?;
        thread::sleep(run.window(SETTLED));
        idle.add(megabytes(node.resident_bytes()?));
    }
    Ok(Figure::at_most("idle_memory", "MB", idle.median(), limit(30.0), 1.0)
        .note(format!("VmRSS {} s after a new node was ready, on the default configuration", SETTLED.as_secs()))
        .note(format!("{} repeats: {}", run.repeats(), idle.spread())))
}

/// A node that has validated every session once, so that its view holds them all.
fn memory_of_sessions(run: &Run, launch: &Launch, requests: Vec<Request>) -> Result<Figure, Failure> {
    let plan = |node: &Node, requests| Plan {
        server: node.gateway,
        requests,
        once: true,
        pace: Pace::Closed,
        connections: CONNECTIONS,
        window: Duration::from_mins(5),
    };
    let (count, requests) = (requests.len(), requests.into());
    let (mut hot, mut peak) = (Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        let node = launch.start()?;
        let outcome = load::run(None, &[plan(&node, std::sync::Arc::clone(&requests))])?.swap_remove(0);
        expect_only(&outcome, 204)?;
        if outcome.answered() != count {
            return Err(Failure::said(format!("{count} sessions were to be validated: {}", outcome.describe())));
        }
        thread::sleep(run.window(SETTLED));
        hot.add(megabytes(node.resident_bytes()?));
        peak.add(megabytes(node.peak_bytes()?));
        run.progress(format!("memory_100k_sessions {}: {:.1} MB", repeat + 1, hot.last()));
    }
    Ok(Figure::at_most("memory_100k_sessions", "MB", hot.median(), limit(80.0), 1.0)
        .note(format!(
            "VmRSS {} s after GET /session/verify was asked once under each of {count} live sessions, of as many accounts",
            SETTLED.as_secs()
        ))
        .note("sessions as browsers open them: with a user agent of 111 characters and an address")
        .note(RATE_LIMITS_NOTE)
        .note(format!("{} repeats: {}; the most on the way: {}", run.repeats(), hot.spread(), peak.spread())))
}

fn start_ms(run: &Run, launch: &Launch, sessions: usize) -> Result<Figure, Failure> {
    let (mut ready, mut listens) = (Repeats::default(), Repeats::default());
    for _ in 0..run.count(STARTS, 3) {
        let began = Instant::now();
        let node = launch.start()?;
        while accounts::ask(node.operator, &Request::get("/readyz", None))?.status != 200 {
            if began.elapsed() > READY_WITHIN {
                return Err(Failure::said("the node was not ready within half a minute"));
            }
        }
        ready.add(began.elapsed().as_secs_f64() * 1e3);
        listens.add(node.listened_after.as_secs_f64() * 1e3);
        node.stop()?;
    }
    Ok(Figure::at_most("start_ms", "ms", ready.median(), limit(200.0), 1.0)
        .note(format!("from starting the process to 200 of /readyz, with databases of {sessions} sessions"))
        .note(format!("it listens after {:.0} ms at the median", listens.median()))
        .note(format!("{} starts after clean stops: {}", run.count(STARTS, 3), ready.spread())))
}

fn binary_mb(run: &Run) -> Result<Figure, Failure> {
    let size = fs::metadata(&run.binary).map_err(Failure::io("the node's binary cannot be looked at"))?.len();
    Ok(Figure::at_most("binary_mb", "MB", megabytes(size), limit(35.0), 1.0).note(format!("{size} bytes as built")))
}

/// What a figure of this file stands against.
fn limit(limit: f64) -> (&'static str, f64) {
    ("the limit", limit)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
