//! `me_hot` and `verify_hot`: what a signed-in request costs, against a bare handler that answers the same bytes.
//!
//! Capacity is found by a closed loop: 64 connections, each with one request at a time, keep the server's core busy.

use std::time::Duration;

use super::shared::{HOT_CONNECTIONS, RATE_LIMITS_NOTE, closed_loop};
use crate::{
    accounts::{self, Account},
    figure::Figure,
    load::{Outcome, Request},
    node::Node,
    profile::Recording,
    reference::{self, Canned},
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long one side is measured before the other one's turn.
const WINDOW: Duration = Duration::from_secs(4);
/// How long stacks are sampled.
const PROFILE_WINDOW: Duration = Duration::from_secs(10);
/// Busy for more than this share of its time, the generator may be what limits a figure.
const GENERATOR_SHARE_MAX: f64 = 0.9;

/// Measures both.
///
/// # Errors
/// A server fails, or answers anything but what it should.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let core = run.cores.server();
    let node = run.node("hot")?.unlimited().pinned(core).start()?;
    let accounts = accounts::register(node.gateway, run.count(64, 4))?;
    let me = accounts::ask(node.gateway, &Request::get("/me", Some(&accounts[0].token)))?;
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let me = Canned { status: me.status, headers: json, body: me.body };
    let id = "0197f000-0000-7000-8000-000000000001".to_owned();
    let headers = ["x-user-id", "x-session-id"].map(|name| (name.to_owned(), id.clone()));
    let verified = Canned { status: 204, headers: headers.into(), body: String::new() };
    Ok(vec![
        against(run, &node, &accounts, ("me_hot", "/me", 0.5), &me)?,
        against(run, &node, &accounts, ("verify_hot", "/session/verify", 0.6), &verified)?,
    ])
}

/// One side's repeats.
#[derive(Default)]
struct Side {
    rates: Repeats,
    cpu_us: Repeats,
    generator: Repeats,
}

fn against(
    run: &Run,
    node: &Node,
    accounts: &[Account],
    (name, path, floor): (&str, &str, f64),
    canned: &Canned,
) -> Result<Figure, Failure> {
    let reference = reference::start(canned, &run.bench, Some(run.cores.server()))?;
    let requests: Vec<_> = accounts.iter().map(|account| Request::get(path, Some(&account.token))).collect();
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for server in [&reference, node] {
        turn(run, server, &requests, canned.status, WINDOW / 4)?; // to warm up
    }
    for repeat in 0..run.repeats() {
        for (server, side) in [(&reference, &mut theirs), (node, &mut ours)] {
            let (outcome, cpu) = turn(run, server, &requests, canned.status, WINDOW)?;
            side.note(&outcome, cpu);
        }
        let (ours, theirs) = (ours.rates.last(), theirs.rates.last());
        run.progress(format!("{name} {}: {ours:.0} against {theirs:.0} requests/s", repeat + 1));
    }
    let bare = "bare actix-web handler, one worker, the same status, body and content headers";
    let mut figure = Figure::at_least(name, "requests/s", ours.rates.median(), (bare, theirs.rates.median()), floor)
        .note(format!(
            "capacity by a closed loop over {HOT_CONNECTIONS} connections; server and generator have a core each"
        ))
        .note(RATE_LIMITS_NOTE)
        .note(format!(
            "{} repeats in turns: {}; reference {}",
            run.repeats(),
            ours.rates.spread(),
            theirs.rates.spread()
        ))
        .note(format!(
            "server CPU per request: {:.1} us, reference {:.1} us",
            ours.cpu_us.median(),
            theirs.cpu_us.median()
        ))
        .note(generator_note(&ours, &theirs));
    if run.options.profile {
        figure = figure.note(profile(run, node, &requests, name)?);
    }
    Ok(figure)
}

/// Where the server's CPU goes.
fn profile(run: &Run, node: &Node, requests: &[Request], name: &str) -> Result<String, Failure> {
    let directory = run.binary.with_file_name("profile");
    let recording = Recording::begin(node.pid(), &directory, name)?;
    closed_loop(run, node.gateway, requests, run.window(PROFILE_WINDOW))?;
    let profile = recording.end()?;
    let folded = profile.folded.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("server CPU by part: {} (stacks: profile/{folded} beside the node)", profile.describe()))
}

fn turn(
    run: &Run,
    server: &Node,
    requests: &[Request],
    expected: u16,
    window: Duration,
) -> Result<(Outcome, Duration), Failure> {
    let before = server.cpu()?;
    let outcome = closed_loop(run, server.gateway, requests, run.window(window))?;
    let cpu = server.cpu()?.saturating_sub(before);
    if outcome.is_only(expected) && outcome.answered() > 0 {
        return Ok((outcome, cpu));
    }
    Err(Failure::said(format!("only {expected} was expected: {}", outcome.describe())))
}

impl Side {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn note(&mut self, outcome: &Outcome, cpu: Duration) {
        let answered = outcome.answered() as f64;
        self.rates.add(answered / outcome.lasted.as_secs_f64());
        self.cpu_us.add(cpu.as_secs_f64() * 1e6 / answered);
        self.generator.add(outcome.busy_share);
    }
}

fn generator_note(ours: &Side, theirs: &Side) -> String {
    let (with_ours, with_theirs) = (ours.generator.median(), theirs.generator.median());
    let verdict = if with_ours.max(with_theirs) <= GENERATOR_SHARE_MAX {
        "it was not the limit"
    } else {
        "it may have been the limit, which makes the side that kept it busy look slower than it is"
    };
    format!(
        "generator was busy for {:.0} % of the time, {:.0} % with the reference: {verdict}",
        with_ours * 100.0,
        with_theirs * 100.0
    )
}
