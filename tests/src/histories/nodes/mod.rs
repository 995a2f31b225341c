//! Sessions over nodes: what clients of two gateways do to sessions that two nodes keep in one Redis, held against a model.
//!
//! Sessions are opened, verified and ended, alone and together, and every request is noted with when it began, when it was
//! answered and what was answered. A way between the nodes, or from one of them to Redis, is frozen meanwhile: connections
//! stay, and nothing passes. An end that nobody acknowledged may have been made at any later time, or never.
//!
//! With `session.cache: off` the history of each session must be linearizable. With `tracked` no request that began later than a
//! lease after an end was acknowledged may be accepted; all else must be linearizable.
//!
//! - `model`: what is done to the sessions of a user. `history`: what was done to them, and whether the model explains it.
//! - `client`: the requests. `round`: clients and the ways that are frozen.

mod client;
mod history;
mod model;
mod round;

use std::{path::PathBuf, sync::Arc, time::Duration};

use self::{client::User, history::History, round::Round};
use crate::{Cluster, Home, Links, Proxy, Servers, crash::Findings};

/// How old an acceptance may be where nodes remember sessions, by the contract of the cache.
pub const LEASE: Duration = Duration::from_secs(1);
/// What the nodes keep things in.
pub const SERVERS: [&str; 2] = ["postgres", "redis"];
/// Users of each round.
const USERS: usize = 2;
/// The gateway's deadline: shorter than by default, so that whoever waits for a frozen way is soon at work again.
const DEADLINE_MS: &str = "4000";

/// Whether nodes remember sessions that they have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// `session.cache: off`.
    Off,
    /// `session.cache: tracked`.
    Tracked,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The nodes' binary.
    pub binary: PathBuf,
    /// Decides what clients try, and which ways are frozen.
    pub seed: u64,
    /// Rounds: one in four is calm, in the others ways are frozen, to Redis, between nodes, and both.
    pub rounds: usize,
    /// Whether nodes remember sessions.
    pub cache: Cache,
    /// Print a line for each round.
    pub talks: bool,
}

/// Lives through all rounds of a plan over PostgreSQL and Redis. Answers how long after its end had been acknowledged the
/// request began at the latest that was accepted all the same.
///
/// # Panics
/// When a node does not start.
pub async fn run(plan: &Plan, servers: &Servers, findings: &Arc<Findings>) -> Duration {
    let home = plan.home(servers);
    let stores = [Store::of("session-1", &home).await, Store::of("session-2", &home).await];
    let own = |name: &str| stores.iter().filter(|store| store.node == name).map(Store::setting).collect();
    let cluster = Cluster::start_with(&home, &plan.binary, Links::Proxied, own).await;
    let random = fastrand::Rng::with_seed(plan.seed);
    let mut stage = Stage { plan, cluster: &cluster, stores: &stores, random, findings, latest: Duration::ZERO };
    for number in 0..plan.rounds {
        stage.round(number).await;
    }
    stage.latest
}

impl Plan {
    fn home(&self, servers: &Servers) -> Home {
        let home = super::home().over(servers).set("gateway.deadlines.request_ms", DEADLINE_MS);
        match self.cache {
            Cache::Off => home.set("session.cache", "off"),
            // Nothing but the lease may end what is trusted: a connection that is given up would, soon after.
            Cache::Tracked => home.set("session.cache", "tracked").set("session.store.timeout_ms", DEADLINE_MS),
        }
    }

    /// How old an acceptance may be.
    fn staleness(&self) -> Duration {
        match self.cache {
            Cache::Off => Duration::ZERO,
            Cache::Tracked => LEASE,
        }
    }
}

/// The way of one node to Redis.
struct Store {
    node: &'static str,
    way: Proxy,
    url: String,
}

impl Store {
    async fn of(node: &'static str, home: &Home) -> Self {
        let url = home.setting("session.store.url").expect("the home lies over Redis");
        let (credentials, server) = url.rsplit_once('@').expect("the server wants a password");
        let way = Proxy::to(server.parse().expect("it is an address")).await;
        let url = format!("{credentials}@{}", way.address());
        Self { node, way, url }
    }

    fn setting(&self) -> (&'static str, String) {
        ("session.store.url", self.url.clone())
    }
}

/// What all rounds share.
struct Stage<'a> {
    plan: &'a Plan,
    cluster: &'a Cluster<'a>,
    stores: &'a [Store; 2],
    random: fastrand::Rng,
    findings: &'a Arc<Findings>,
    latest: Duration,
}

impl<'a> Stage<'a> {
    async fn round(&mut self, number: usize) {
        let (weather, frozen) = self.weather(number);
        let gateways = self.cluster.gateways();
        let mut users = Vec::new();
        for user in 0..USERS {
            users.push(User::register(&gateways[user % gateways.len()], &format!("round{number}.{user}")).await);
        }
        let round = Round { gateways: &gateways, users, frozen, random: self.random.fork(), findings: self.findings };
        let histories = round.live().await;
        if self.plan.talks {
            println!("round {}: {weather}", number + 1);
        }
        for history in &histories {
            self.hold(&weather, history);
        }
    }

    /// What a round is lived through with, in words, and the ways that are frozen.
    fn weather(&mut self, number: usize) -> (String, Vec<&'a Proxy>) {
        match number % 4 {
            0 => ("calm".to_owned(), Vec::new()),
            1 => self.island(),
            2 => self.frozen_link(),
            _ => {
                let store = &self.stores[self.random.usize(..self.stores.len())];
                (format!("the way from {} to Redis is frozen", store.node), vec![&store.way])
            }
        }
    }

    /// A gateway reaches a node with sessions that does not reach Redis, and not the other one.
    fn island(&mut self) -> (String, Vec<&'a Proxy>) {
        let gateway = ["gateway-1", "gateway-2"][self.random.usize(..2)];
        let here = self.random.usize(..self.stores.len());
        let (near, far) = (&self.stores[here], &self.stores[1 - here]);
        let ways = self.cluster.link(gateway, far.node).into_iter().chain([&near.way]);
        (format!("{gateway} reaches {} alone, which does not reach Redis", near.node), ways.collect())
    }

    fn frozen_link(&mut self) -> (String, Vec<&'a Proxy>) {
        let links = self.cluster.links().into_iter().filter(|(_, to)| to.starts_with("session-"));
        let links: Vec<_> = links.collect();
        let (from, to) = &links[self.random.usize(..links.len())];
        (format!("the way from {from} to {to} is frozen"), self.cluster.link(from, to).into_iter().collect())
    }

    fn hold(&mut self, weather: &str, history: &History) {
        let plan = self.plan;
        self.findings.count("histories");
        for late in history.late_acceptances() {
            self.findings.count("accepted after an end was acknowledged");
            self.latest = self.latest.max(late);
        }
        for wrong in history.verdict(plan.staleness()) {
            self.findings.violation(format!("seed {}, {:?}, {weather}: {wrong}", plan.seed, plan.cache));
        }
    }
}
