//! `telemetry_cpu`, `telemetry_cpu_away`, `telemetry_memory`: what it costs a node to tell a collector what it counts and traces, every
//! request, against a node that tells nobody; and what a collector costs it that takes nothing.
//!
//! The sides are measured in turns, one pair after the other, and what is judged is the upper end of the interval that holds
//! the mean of all pairs' ratios with a confidence of 95 %.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use super::shared::{RATE_LIMITS_NOTE, closed_loop};
use crate::{
    accounts,
    figure::Figure,
    load::Request,
    node::Node,
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long one side is measured before the next one's turn.
const WINDOW: Duration = Duration::from_secs(2);
/// How many times each has its turn.
const PAIRS: usize = 24;
/// What telling may cost: a twentieth, and so many megabytes.
const COSTS_AT_MOST: f64 = 1.05;
const MEGABYTES_AT_MOST: f64 = 5.0;

/// Measures all of them.
///
/// # Errors
/// A node fails, or answers anything but what it should.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let (collector, away) = (collect()?, TcpListener::bind("127.0.0.1:0").map_err(Failure::io("no port is free"))?);
    let away = away.local_addr().map_err(Failure::io("it listens nowhere")).map(|address| (away, address))?;
    let silent = Side::start(run, "telemetry-none", None)?;
    let told = Side::start(run, "telemetry-told", Some(collector))?;
    let unheard = Side::start(run, "telemetry-away", Some(away.1))?;
    let (mut costs, mut ratios) = (Repeats::default(), [Repeats::default(), Repeats::default()]);
    for pair in 0..run.count(PAIRS, 2) {
        // Each side is the first one in its turn: whatever the machine does meanwhile favours none.
        let mut turn = [(0, &silent), (1, &told), (2, &unheard)];
        turn.rotate_left(pair % 3);
        let mut cost = [0.0; 3];
        for (side, node) in turn {
            cost[side] = node.cost_us(run)?;
        }
        let [nothing, told, unheard] = cost;
        costs.add(nothing);
        ratios[0].add(told / nothing);
        ratios[1].add(unheard / nothing);
        let [told, away] = ratios.each_ref().map(Repeats::last);
        run.progress(format!("telemetry {}: {nothing:.1} us, told {told:.3}, away {away:.3} times that", pair + 1));
    }
    let [told_ratios, away_ratios] = &ratios;
    Ok(vec![
        judged("telemetry_cpu", &costs, told_ratios),
        judged("telemetry_cpu_away", &costs, away_ratios),
        memory(&silent.node, &told.node)?,
    ])
}

fn judged(name: &str, costs: &Repeats, ratios: &Repeats) -> Figure {
    let (reference, (least, most)) = (costs.median(), ratios.interval());
    let beside = ("the same node without a collector", reference);
    Figure::at_most(name, "us/request", reference * most, beside, COSTS_AT_MOST)
        .note("server CPU per GET /me at capacity; metrics each second, and the span of every request, as far as the queue of 2,048 holds them; the upper end of the interval")
        .note(format!(
            "{} pairs in turns: mean between {least:.3} and {most:.3} with 95 % confidence; {}",
            ratios.count(),
            ratios.spread()
        ))
        .note(RATE_LIMITS_NOTE)
}

fn memory(silent: &Node, told: &Node) -> Result<Figure, Failure> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let megabytes = |node: &Node| Ok::<_, Failure>(node.resident_bytes()? as f64 / 1e6);
    let (silent, told) = (megabytes(silent)?, megabytes(told)?);
    let more = (told - silent).max(0.001); // a ratio wants a value
    Ok(Figure::at_most("telemetry_memory", "MB", more, ("5 MB", MEGABYTES_AT_MOST), 1.0)
        .note(format!("VmRSS after all requests: {told:.1} MB with a collector, {silent:.1} MB without")))
}

/// A node, and what it is asked.
struct Side {
    node: Node,
    requests: Vec<Request>,
}

impl Side {
    fn start(run: &Run, name: &str, collector: Option<SocketAddr>) -> Result<Self, Failure> {
        let launch = run.node(name)?.unlimited().pinned(run.cores.server()).set("telemetry.otlp.every_s", 1);
        let launch = match collector {
            Some(address) => launch.set("telemetry.otlp.endpoint", format!("http://{address}")),
            None => launch,
        };
        let node = launch.start()?;
        let accounts = accounts::register(node.gateway, run.count(64, 4))?;
        let requests = accounts.iter().map(|account| Request::get("/me", Some(&account.token))).collect();
        let side = Self { node, requests };
        side.cost_us(run)?; // to warm up
        Ok(side)
    }

    /// Microseconds of CPU for each request.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn cost_us(&self, run: &Run) -> Result<f64, Failure> {
        let before = self.node.cpu()?;
        let outcome = closed_loop(run, self.node.gateway, &self.requests, run.window(WINDOW))?;
        let cpu = self.node.cpu()?.saturating_sub(before);
        if !outcome.is_only(200) || outcome.answered() == 0 {
            return Err(Failure::said(format!("only 200 was expected: {}", outcome.describe())));
        }
        Ok(cpu.as_secs_f64() * 1e6 / outcome.answered() as f64)
    }
}

/// Takes whatever is posted, for as long as the process lives.
fn collect() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::io("no port is free"))?;
    let address = listener.local_addr().map_err(Failure::io("it listens nowhere"))?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || while take(&connection).is_some() {});
        }
    });
    Ok(address)
}

/// Reads one request to its end, and answers that it was taken.
fn take(connection: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
    (&*connection).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()
}
