//! `session_nodes_2` and `session_nodes_4`: what a session check costs where two or four nodes share the sessions, against one.
//!
//! Two gateways ask them, and Redis keeps what they share. All processes have one core together, so that a rate cannot grow
//! with nodes here: what is measured is whether a check costs more because there are more who may answer it.

use std::time::Duration;

use super::{
    nodes::{Nodes, Trust},
    operations::Operation,
    remote::{Found, Side, figure},
    servers::Servers,
    shared::RATE_LIMITS_NOTE,
};
use crate::{
    figure::Figure,
    run::{Failure, Run},
};

/// Nodes that host sessions; the first is what the others are measured against.
const COUNTS: [(usize, &str); 3] = [(1, "session_nodes_1"), (2, "session_nodes_2"), (4, "session_nodes_4")];
/// Gateways before them.
const GATEWAYS: usize = 2;
/// How long one side warms up.
const WARMING: Duration = Duration::from_secs(1);

/// Measures both.
///
/// # Errors
/// Redis or a node cannot be started, or a check is refused.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let redis = Servers::start(&run.directory("redis")?, &["redis"])?;
    let sides = COUNTS.map(|(count, _)| side(run, redis.setting("REDIS_URL")?, count));
    let sides = sides.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    let mut found = COUNTS.map(|_| Found::default());
    for side in &sides {
        side.turn(Operation::Verify, WARMING)?;
    }
    for repeat in 0..run.repeats() {
        for (side, found) in sides.iter().zip(&mut found) {
            side.measure(Operation::Verify, found)?;
        }
        let [one, two, four] = found.each_ref().map(|found| found.costs.total().last());
        run.progress(format!("session_nodes {}: {one:.1}, {two:.1} and {four:.1} us", repeat + 1));
    }
    let [one, more @ ..] = &found;
    let figures = more.iter().zip(&COUNTS[1..]);
    Ok(figures.map(|(found, (_, name))| judged(run, name, found, one)).collect())
}

fn side<'a>(run: &'a Run, redis: &str, count: usize) -> Result<Side<'a>, Failure> {
    let nodes = Nodes::new(run, Trust::Plain)?.set("session.store.adapter", "redis").set("session.store.url", redis);
    let nodes = nodes.start("session", count)?.start("photo", 1)?.start("user", 1)?.start("gateway", GATEWAYS)?;
    Side::new(run, nodes)
}

fn judged(run: &Run, name: &str, found: &Found, one: &Found) -> Figure {
    figure(run, name, found, ("one session node", one))
        .note(format!(
            "GET /session/verify by {GATEWAYS} gateways; sessions in Redis, session.cache: tracked (the default)"
        ))
        .note(RATE_LIMITS_NOTE)
}
