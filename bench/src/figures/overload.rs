//! `overload_goodput` and `overload_p99`: what is left of `GET /me` when three times as much comes as the server can do.
//!
//! To refuse a request over HTTP costs a large part of what it costs to serve one (see `me_hot`), so that no server can
//! refuse two thirds of such an offer one by one and still serve the rest. What is too much is held back by TCP: the load
//! comes over a bounded number of connections, as from a proxy with a pool of them, and a request that finds all of them
//! busy is not sent.

use std::time::Duration;

use super::shared::{HOT_CONNECTIONS, OpenPlan, RATE_LIMITS_NOTE, closed_loop, open_loop};
use crate::{
    accounts,
    figure::Figure,
    load::{Outcome, Request, WhenBusy},
    node::Node,
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long each of capacity, calm and overload is measured in turns.
const WINDOW: Duration = Duration::from_secs(4);
/// The share of the capacity that is offered in calm.
const CALM: f64 = 0.25;
/// How many times the capacity is offered in overload.
const OVERLOAD: f64 = 3.0;

/// Measures both.
///
/// # Errors
/// The node fails, or answers anything but 200 and 503.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let node = run.node("overload")?.unlimited().pinned(run.cores.server()).start()?;
    let accounts = accounts::register(node.gateway, run.count(64, 4))?;
    let requests: Vec<_> = accounts.iter().map(|account| Request::get("/me", Some(&account.token))).collect();
    closed_loop(run, node.gateway, &requests, run.window(WINDOW / 4))?; // to warm up
    let mut found = Found::default();
    for repeat in 0..run.repeats() {
        let peak = closed_loop(run, node.gateway, &requests, run.window(WINDOW))?;
        let calm = offer(run, &node, &requests, peak.rate(200) * CALM, WhenBusy::Wait)?;
        let overload = offer(run, &node, &requests, peak.rate(200) * OVERLOAD, WhenBusy::GiveUp)?;
        found.note(&peak, &calm, &overload)?;
        run.progress(format!(
            "overload {}: {:.0} of {:.0}/s, p99 {:.2} ms, calm {:.2} ms; {}",
            repeat + 1,
            found.goodput.last(),
            found.peak.last(),
            found.p99.last(),
            found.calm_p99.last(),
            overload.describe()
        ));
    }
    Ok(found.figures(run))
}

fn offer(run: &Run, node: &Node, requests: &[Request], per_s: f64, when_busy: WhenBusy) -> Result<Outcome, Failure> {
    let window = run.window(WINDOW);
    open_loop(run, OpenPlan { server: node.gateway, requests, per_s, when_busy, connections: HOT_CONNECTIONS, window })
}

/// Requests a second, and milliseconds at the 99th of a hundred, of each repeat.
#[derive(Default)]
struct Found {
    peak: Repeats,
    goodput: Repeats,
    calm_p99: Repeats,
    p99: Repeats,
    sent: Repeats,
    shed: Repeats,
    late: Repeats,
}

impl Found {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn note(&mut self, peak: &Outcome, calm: &Outcome, overload: &Outcome) -> Result<(), Failure> {
        for (outcome, may_shed) in [(peak, false), (calm, false), (overload, true)] {
            let expected = outcome.count(200) + if may_shed { outcome.count(503) } else { 0 };
            if outcome.broken > 0 || expected != outcome.answered() || outcome.rude > 0 || outcome.count(200) == 0 {
                return Err(Failure::said(format!("GET /me: {}", outcome.describe())));
            }
        }
        self.peak.add(peak.rate(200));
        self.goodput.add(overload.rate(200));
        self.calm_p99.add(calm.of(200).quantile_ms(0.99));
        self.p99.add(overload.of(200).quantile_ms(0.99));
        self.sent.add((overload.due - overload.unsent) as f64 / overload.due.max(1) as f64);
        self.shed.add(overload.count(503) as f64 / overload.due.max(1) as f64);
        self.late.add(overload.lateness.quantile_ms(0.99));
        Ok(())
    }

    fn figures(self, run: &Run) -> Vec<Figure> {
        let peak = ("peak, by a closed loop over as many connections", self.peak.median());
        let goodput = Figure::at_least("overload_goodput", "requests/s", self.goodput.median(), peak, 0.9)
            .note(format!(
                "open loop, {OVERLOAD} times the peak is offered over {HOT_CONNECTIONS} connections: {:.0} % found one \
                 that was free and were sent, {:.0} % were answered 503",
                self.sent.median() * 100.0,
                self.shed.median() * 100.0
            ))
            .note(RATE_LIMITS_NOTE)
            .note(format!(
                "{} repeats in turns: {}; peak {}",
                run.repeats(),
                self.goodput.spread(),
                self.peak.spread()
            ));
        let calm = ("p99 at a quarter of the peak", self.calm_p99.median());
        let p99 = Figure::at_most("overload_p99", "ms (p99)", self.p99.median(), calm, 10.0)
            .note("of the answers of 200, from when the request was due")
            .note(format!("{} repeats: {}; calm {}", run.repeats(), self.p99.spread(), self.calm_p99.spread()))
            .note(format!("generator: 99 of 100 requests were sent within {:.3} ms of being due", self.late.median()));
        vec![goodput, p99]
    }
}
