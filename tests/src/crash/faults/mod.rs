//! Cuts a node off from the servers that it depends on: each of them, in every way, while clients keep the node busy.
//!
//! - `fault`: the servers, and what befalls them. `stage`: real servers, the ways to them, and the nodes over them.
//! - `readiness`: what the node says of its dependencies meanwhile.
//! - `trial`: one cut, from before it until all is well again. `row`: what came of it, held against what is promised.
//! - `report`: the table of all rows, and where it is written.

mod fault;
mod readiness;
mod report;
mod row;
mod stage;
mod trial;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

pub use self::{
    fault::{Fault, Server},
    report::Report,
    row::Row,
};
use self::{stage::Stage, trial::Trial};
use super::{
    Findings, Plan, finale,
    load::Crowd,
    process,
    wire::{Mode, Wire},
};
use crate::Node;

/// What is to be cut, and how.
pub struct Cuts {
    /// The servers to be cut, one after the other.
    pub servers: Vec<Server>,
    /// What befalls each of them.
    pub faults: Vec<Fault>,
    /// How long each cut lasts.
    pub lasting: Duration,
    /// Accounts that clients begin with, each time.
    pub accounts: usize,
}

impl Cuts {
    /// Those that take the direct way to the servers, or those that take the slow one.
    fn trials(&self, slow: bool) -> Vec<(Server, Fault)> {
        let all = self.servers.iter().flat_map(|server| self.faults.iter().map(move |fault| (*server, *fault)));
        all.filter(|(_, fault)| fault.is_slow() == slow).collect()
    }
}

/// Makes every cut, and holds everything that was acknowledged against what stands at the end.
///
/// # Panics
/// When servers or the node cannot be started.
pub async fn run(plan: &Plan, cuts: &Cuts, findings: &Arc<Findings>) -> Report {
    let began = Instant::now();
    let mut stage = Stage::new().await;
    let (mut crowd, mut rows) = (Crowd::new(plan.random(0)), Vec::new());
    for slow in [false, true] {
        let trials = cuts.trials(slow);
        if trials.is_empty() {
            continue;
        }
        if slow {
            stage.reroute();
        }
        let node = process::up(plan, stage.home()).await;
        let calm = Wire::new(node.gateway(), findings, Mode::Calm);
        for (server, fault) in trials {
            crowd.gather(&calm, cuts.accounts).await;
            let trial = Trial { stage: &stage, node: &node, server, fault, lasting: cuts.lasting };
            let (row, rested) = trial.run(crowd, findings).await;
            crowd = rested;
            plan.say(findings, || row.to_string());
            rows.push(row);
        }
        end(&stage, node, findings).await;
    }
    let clients = crowd.clients();
    plan.say(findings, || "checking everything".to_owned());
    finale::data(stage.home(), &clients, findings).await;
    finale::an_hour_later(plan, stage.home(), &clients, findings).await;
    Report { rows, lasting: cuts.lasting, took: began.elapsed(), seed: plan.seed }
}

/// Everything is delivered, and the node stops in order.
async fn end(stage: &Stage, node: Node, findings: &Findings) {
    finale::stop(stage.home(), node, findings).await;
}
