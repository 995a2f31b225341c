//! `me_during_sign_in_storm` and `sign_in_shed_ms`: what `GET /me` is like while three times as many sign-ins come as can
//! be verified, and how soon those are told that are too many.
//!
//! Server and generator have a core each, so that hashing and `GET /me` fight for the same one: the harder case.

use std::time::Duration;

use super::shared::{OpenPlan, RATE_LIMITS_NOTE, open_loop};
use crate::{
    accounts::{self, Account},
    figure::Figure,
    load::{self, Outcome, Pace, Plan, Request, WhenBusy},
    node::Node,
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long calm and storm are measured in turns.
const WINDOW: Duration = Duration::from_secs(6);
/// How long the capacity of sign-ins is measured, once.
const CAPACITY_WINDOW: Duration = Duration::from_secs(4);
/// `GET /me` a second: a few per cent of what the server could do.
const ME_PER_S: f64 = 500.0;
/// Connections of `GET /me`; one that is due while all are busy waits, and the wait counts.
const ME_CONNECTIONS: usize = 64;
/// Sign-ins in flight: more than the node lets wait by default (64 and the one in hand), so that it must shed.
const SIGN_IN_CONNECTIONS: usize = 256;
/// How many times what it can do is offered.
const STORM: f64 = 3.0;
/// By when a sign-in that is shed must have been told so.
const SHED_WITHIN_MS: f64 = 50.0;

/// Measures both.
///
/// # Errors
/// The node fails, refuses a `GET /me`, or answers a sign-in with anything but 200 and 503.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let node = run.node("storm")?.unlimited().pinned(run.cores.server()).start()?;
    let accounts = accounts::register(node.gateway, run.count(64, 4))?;
    let capacity = capacity(run, &node, &accounts)?;
    let mut found = Found::default();
    for repeat in 0..run.repeats() {
        let calm = open_loop(run, me(run, &node, &me_requests(&accounts)))?;
        expect_only(&calm, 200)?;
        let (me, sign_ins) = storm(run, &node, &accounts, capacity * STORM)?;
        expect_only(&me, 200)?;
        if sign_ins.count(503) == 0 && !run.options.short {
            return Err(Failure::said(format!("no sign-in was shed: {}", sign_ins.describe())));
        }
        found.note(&calm, &me, &sign_ins)?;
        run.progress(format!(
            "storm {}: GET /me p99 {:.2} ms, calm {:.2} ms; sign-ins: {}",
            repeat + 1,
            found.storm.last(),
            found.calm.last(),
            sign_ins.describe()
        ));
    }
    Ok(found.figures(run, capacity))
}

fn capacity(run: &Run, node: &Node, accounts: &[Account]) -> Result<f64, Failure> {
    let plan = Plan {
        server: node.gateway,
        requests: accounts.iter().map(Account::sign_in).collect(),
        once: false,
        pace: Pace::Closed,
        connections: 8,
        window: run.window(CAPACITY_WINDOW),
    };
    let outcome = load::run(Some(run.cores.generator()), &[plan])?.swap_remove(0);
    expect_only(&outcome, 200)?;
    Ok(outcome.rate(200))
}

fn me_requests(accounts: &[Account]) -> Vec<Request> {
    accounts.iter().map(|account| Request::get("/me", Some(&account.token))).collect()
}

fn me<'a>(run: &Run, node: &Node, requests: &'a [Request]) -> OpenPlan<'a> {
    OpenPlan {
        server: node.gateway,
        requests,
        per_s: ME_PER_S,
        when_busy: WhenBusy::Wait,
        connections: ME_CONNECTIONS,
        window: run.window(WINDOW),
    }
}

/// `GET /me` and sign-ins at the same time.
fn storm(run: &Run, node: &Node, accounts: &[Account], per_s: f64) -> Result<(Outcome, Outcome), Failure> {
    let requests = me_requests(accounts);
    let sign_ins: Vec<_> = accounts.iter().map(Account::sign_in).collect();
    let me = me(run, node, &requests);
    let sign_ins = OpenPlan { requests: &sign_ins, per_s, connections: SIGN_IN_CONNECTIONS, ..me };
    let mut outcomes = load::run(Some(run.cores.generator()), &[me.into(), sign_ins.into()])?;
    let sign_ins = outcomes.swap_remove(1);
    Ok((outcomes.swap_remove(0), sign_ins))
}

fn expect_only(outcome: &Outcome, status: u16) -> Result<(), Failure> {
    if outcome.is_only(status) && outcome.answered() > 0 {
        return Ok(());
    }
    Err(Failure::said(format!("only {status} was expected: {}", outcome.describe())))
}

/// Milliseconds at the 99th of a hundred, of each repeat.
#[derive(Default)]
struct Found {
    calm: Repeats,
    storm: Repeats,
    shed: Repeats,
    completed: Repeats,
    shed_share: Repeats,
    late: Repeats,
}

impl Found {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn note(&mut self, calm: &Outcome, me: &Outcome, sign_ins: &Outcome) -> Result<(), Failure> {
        let (done, shed) = (sign_ins.count(200), sign_ins.count(503));
        if done + shed != sign_ins.answered() || sign_ins.broken > 0 || sign_ins.rude > 0 {
            let rude = sign_ins.rude;
            return Err(Failure::said(format!("sign-ins: {}; {rude} without Retry-After", sign_ins.describe())));
        }
        self.calm.add(calm.of(200).quantile_ms(0.99));
        self.storm.add(me.of(200).quantile_ms(0.99));
        self.late.add(me.lateness.quantile_ms(0.99).max(calm.lateness.quantile_ms(0.99)));
        self.completed.add(sign_ins.rate(200));
        self.shed_share.add(shed as f64 / sign_ins.answered().max(1) as f64);
        if shed > 0 {
            self.shed.add(sign_ins.of(503).quantile_ms(0.99));
        }
        Ok(())
    }

    fn figures(self, run: &Run, capacity: f64) -> Vec<Figure> {
        let calm = ("p99 of GET /me at the same rate without sign-ins", self.calm.median());
        let me = Figure::at_most("me_during_sign_in_storm", "ms (p99)", self.storm.median(), calm, 5.0)
            .note(format!("open loop, {ME_PER_S} GET /me a second; server and generator have a core each"))
            .note(format!(
                "sign-ins: {capacity:.1}/s can be completed, {:.1}/s are offered, {:.1}/s were completed",
                capacity * STORM,
                self.completed.median()
            ))
            .note(RATE_LIMITS_NOTE)
            .note(format!("{} repeats in turns: {}; calm {}", run.repeats(), self.storm.spread(), self.calm.spread()))
            .note(format!("generator: 99 of 100 requests were sent within {:.3} ms of being due", self.late.median()));
        let limit = ("the limit", SHED_WITHIN_MS);
        let shed = Figure::at_most("sign_in_shed_ms", "ms (p99)", self.shed.median(), limit, 1.0)
            .note("every one of them: 503 with Retry-After")
            .note(format!("{:.0} % of the sign-ins were shed", self.shed_share.median() * 100.0))
            .note(format!("{} repeats: {}", run.repeats(), self.shed.spread()));
        vec![me, shed]
    }
}
