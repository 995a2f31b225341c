//! Restarts and kills nodes of many, and slows and cuts the ways between them, while clients keep the gateways busy.
//!
//! - `act`: what befalls nodes and ways. `trouble`: what clients may be answered meanwhile.
//! - `finale`: everything that was acknowledged, held against what stands at the end.
//! - `report`: the table of all troubles.

mod act;
mod finale;
mod report;
mod trouble;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use self::act::Act;
pub use self::{report::Report, trouble::Event};
use super::{
    Findings, Plan,
    calls::Calls,
    load::{Crowd, Load},
    process,
    turn::Turn,
    wire::{Mode, Wire},
};
use crate::{Cluster, Home, Links, Servers};

/// How long clients work before the first trouble, and after the last one.
const AROUND: Duration = Duration::from_secs(2);
/// What nodes keep things in, and what carries events between them.
const SERVERS: [&str; 4] = ["postgres", "redis", "rabbitmq", "s3"];

/// What is to befall nodes.
#[derive(Debug, Clone, Copy)]
pub struct Troubles {
    /// Calls a second.
    pub rate_per_s: u32,
    /// Accounts that clients begin with, each time.
    pub accounts: usize,
    /// Every node is restarted, one after the other, until so many calls have been made; none for no restart.
    pub calls: usize,
    /// For how long nodes are killed.
    pub kills: Duration,
    /// How many ways between nodes are bad, one after the other.
    pub ways: usize,
    /// For how long each.
    pub lasting: Duration,
    /// No call may fail that is sent so long after a trouble began, or was over.
    pub recovery_max: Duration,
}

/// Has all of it happen, and holds everything that was acknowledged against what stands at the end.
///
/// # Panics
/// When servers or nodes cannot be started.
pub async fn run(plan: &Plan, troubles: &Troubles, findings: &Arc<Findings>) -> Report {
    let began = Instant::now();
    let servers = tokio::task::spawn_blocking(|| Servers::own(&SERVERS)).await.expect("they can be started");
    let home = home().over(&servers);
    let mut run =
        Run { plan, troubles, findings, home: &home, crowd: Some(Crowd::new(plan.random(0))), events: Vec::new() };
    run.all().await;
    let Run { crowd, events, .. } = run;
    finale::hold(plan, &home, crowd.expect("nobody has it"), findings).await;
    Report { events, rate_per_s: troubles.rate_per_s, took: began.elapsed(), seed: plan.seed }
}

fn home() -> Home {
    process::home().without("user.cache_max").without("session.cache_max")
}

struct Run<'a> {
    plan: &'a Plan,
    troubles: &'a Troubles,
    findings: &'a Arc<Findings>,
    home: &'a Home,
    /// Those who are not at work.
    crowd: Option<Crowd>,
    events: Vec<Event>,
}

impl<'a> Run<'a> {
    async fn all(&mut self) {
        let Troubles { calls, kills, ways, lasting, .. } = *self.troubles;
        if calls > 0 || !kills.is_zero() {
            let mut cluster = self.start(Links::Direct).await;
            if calls > 0 {
                self.under_load(&mut cluster, Mode::Calm, async |act| act.restart(calls).await).await;
            }
            if !kills.is_zero() {
                self.under_load(&mut cluster, Mode::Lost, async |act| act.kill(kills).await).await;
            }
            finale::end(cluster, self.findings).await;
        }
        if ways > 0 {
            let mut cluster = self.start(Links::Proxied).await;
            self.under_load(&mut cluster, Mode::Lost, async |act| act.harm_ways(ways, lasting).await).await;
            finale::end(cluster, self.findings).await;
        }
    }

    async fn start(&self, links: Links) -> Cluster<'a> {
        self.plan.say(self.findings, || format!("starting eight nodes, {links:?}"));
        Cluster::start(self.home, &self.plan.binary, links).await
    }

    /// Has clients work meanwhile, and then holds all that they were told against the nodes.
    async fn under_load(&mut self, cluster: &mut Cluster<'_>, mode: Mode, act: impl AsyncFnOnce(&mut Act<'_, '_>)) {
        let calm = Wire::among(cluster.gateways(), self.findings, Mode::Calm);
        let mut crowd = self.crowd.take().expect("nobody else has it");
        crowd.gather(&calm, self.troubles.accounts).await;
        let (calls, wire) = (Arc::<Calls>::default(), Wire::among(cluster.gateways(), self.findings, mode));
        let beat = Duration::from_secs(1) / self.troubles.rate_per_s;
        let load = Load::start(crowd, &Turn::USUAL, beat, &wire, &calls);
        sleep(AROUND).await;
        let random = self.plan.random(2 + self.events.len() as u64);
        let (plan, findings, recovery_max) = (self.plan, self.findings, self.troubles.recovery_max);
        let mut acting = Act { plan, cluster, calls, findings, random, recovery_max, windows: Vec::new() };
        act(&mut acting).await;
        sleep(AROUND).await;
        let crowd = load.stop().await;
        self.events.extend(acting.events());
        self.plan.say(self.findings, || "checking what was acknowledged".to_owned());
        self.crowd = Some(crowd.check(&calm).await);
    }
}
