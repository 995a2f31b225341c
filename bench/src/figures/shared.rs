//! What the figures over HTTP have in common.

use std::{net::SocketAddr, time::Duration};

use crate::{
    load::{self, Outcome, Pace, Plan, Request, WhenBusy},
    run::{Failure, Run},
};

/// Connections over which hot requests are made.
pub(super) const HOT_CONNECTIONS: usize = 64;

/// Said of every figure whose load comes from one address.
pub(super) const RATE_LIMITS_NOTE: &str =
    "default configuration, except for gateway.rate_limits.*: widened, since all load comes from one address";

/// Keeps the server as busy as it can be, from the generator's core.
pub(super) fn closed_loop(
    run: &Run,
    server: SocketAddr,
    requests: &[Request],
    window: Duration,
) -> Result<Outcome, Failure> {
    let plan = Plan {
        server,
        requests: requests.into(),
        once: false,
        pace: Pace::Closed,
        connections: HOT_CONNECTIONS,
        window,
    };
    single(load::run(Some(run.cores.generator()), &[plan])?)
}

/// Asks by a fixed schedule, from the generator's core.
pub(super) fn open_loop(run: &Run, plan: OpenPlan<'_>) -> Result<Outcome, Failure> {
    single(load::run(Some(run.cores.generator()), &[plan.into()])?)
}

/// A plan with a fixed schedule.
#[derive(Clone, Copy)]
pub(super) struct OpenPlan<'a> {
    pub(super) server: SocketAddr,
    pub(super) requests: &'a [Request],
    pub(super) per_s: f64,
    pub(super) when_busy: WhenBusy,
    pub(super) connections: usize,
    pub(super) window: Duration,
}

impl From<OpenPlan<'_>> for Plan {
    fn from(plan: OpenPlan<'_>) -> Self {
        let OpenPlan { server, requests, per_s, when_busy, connections, window } = plan;
        Self {
            server,
            requests: requests.into(),
            once: false,
            pace: Pace::Open { per_s, when_busy },
            connections,
            window,
        }
    }
}

/// Refuses an outcome in which anything but `status` came back.
pub(super) fn expect_only(outcome: &Outcome, status: u16) -> Result<(), Failure> {
    if outcome.is_only(status) && outcome.answered() > 0 {
        return Ok(());
    }
    Err(Failure::said(format!("only {status} was expected: {}", outcome.describe())))
}

fn single(outcomes: Vec<Outcome>) -> Result<Outcome, Failure> {
    outcomes.into_iter().next().ok_or_else(|| Failure::said("a plan was carried out, and nothing is known of it"))
}
