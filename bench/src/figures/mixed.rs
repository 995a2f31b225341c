//! `mixed_*`: the CPU that each role takes while people do a bit of everything, against what the cost of each operation alone
//! foretells: whether a layout can be reckoned on paper (docs/scaling.md).
//!
//! Two gateways, two nodes with sessions over Redis, two with users and one with photos over PostgreSQL.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use super::{
    cost::{Costs, Cpu},
    nodes::{Nodes, Trust},
    operations::{Operation, People, expect_only, turn},
    servers::Servers,
};
use crate::{
    figure::{Direction, Figure},
    load,
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long an operation is measured alone.
const WINDOW: Duration = Duration::from_secs(3);
/// How long all of them are asked for together.
const MIXED_WINDOW: Duration = Duration::from_secs(10);
/// What is foretold, and of whom.
const ROLES: [(&str, &str); 6] = [
    ("gateway", "mixed_gateway"),
    ("user", "mixed_user"),
    ("session", "mixed_session"),
    ("photo", "mixed_photo"),
    ("postgres", "mixed_postgres"),
    ("redis", "mixed_redis"),
];
/// Gateways that are asked.
const GATEWAYS: usize = 2;
/// What is asked each second, of each gateway.
const MIX: [(Operation, u16); 8] = [
    (Operation::Me, 200),
    (Operation::Verify, 400),
    (Operation::Profile, 100),
    (Operation::Page, 50),
    (Operation::Download, 4),
    (Operation::Upload, 1),
    (Operation::SignIn, 2),
    (Operation::Register, 1),
];

/// Measures all of them.
///
/// # Errors
/// A server or a node cannot be started, or answers anything but what it should.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let servers = Servers::start(&run.directory("servers")?, &["postgres", "redis"])?;
    let nodes = nodes(run, &servers)?;
    let people = People::gather(run, nodes.gateways()[0])?;
    let world = World { run, servers, nodes, people };
    let mut alone: BTreeMap<Operation, Costs> = BTreeMap::new();
    let (mut foretold, mut found) = (BTreeMap::<_, Repeats>::new(), BTreeMap::<_, Repeats>::new());
    for repeat in 0..run.repeats() {
        let idle = world.idle()?;
        let mut costs = BTreeMap::new();
        for operation in Operation::ALL {
            let cost = world.alone(operation, &idle)?;
            alone.entry(operation).or_default().add(&cost.0, cost.1);
            costs.insert(operation, cost);
        }
        let together = world.together()?;
        for (role, _) in ROLES {
            foretold.entry(role).or_default().add(foretell(role, &costs, &idle, &together));
            found.entry(role).or_default().add(together.cpu.of(role).as_secs_f64() / together.lasted.as_secs_f64());
        }
        run.progress(format!("mixed {}", repeat + 1));
    }
    Ok(ROLES.map(|(role, name)| figure(run, (role, name), &found[role], &foretold[role], &alone)).into())
}

fn nodes<'a>(run: &'a Run, servers: &Servers) -> Result<Nodes<'a>, Failure> {
    let mut nodes = Nodes::new(run, Trust::Plain)?;
    for (domain, name) in [("user", "POSTGRES_USER_URL"), ("photo", "POSTGRES_PHOTO_URL")] {
        nodes = nodes
            .set(&format!("{domain}.store.adapter"), "postgres")
            .set(&format!("{domain}.store.url"), servers.setting(name)?)
            .set(&format!("{domain}.store.tls.mode"), "disable");
    }
    let nodes = nodes.set("session.store.adapter", "redis").set("session.store.url", servers.setting("REDIS_URL")?);
    let nodes = nodes.set("user.cache.adapter", "redis").set("user.cache.url", servers.setting("REDIS_URL")?);
    nodes.start("session", 2)?.start("photo", 1)?.start("user", 2)?.start("gateway", GATEWAYS)
}

/// Everything that runs.
struct World<'a> {
    run: &'a Run,
    servers: Servers,
    nodes: Nodes<'a>,
    people: People,
}

/// What all operations took together.
struct Together {
    cpu: Cpu,
    counts: BTreeMap<Operation, usize>,
    lasted: Duration,
}

impl World<'_> {
    fn cpu(&self) -> Result<Cpu, Failure> {
        let mut cpu = self.nodes.cpu()?;
        cpu.add("postgres", self.servers.postgres_cpu()?);
        cpu.add("redis", self.servers.redis_cpu()?);
        Ok(cpu)
    }

    /// What an operation costs when it is all that is asked for, and how often it was.
    fn alone(&self, operation: Operation, idle: &Cpu) -> Result<(Cpu, usize), Failure> {
        let (before, began) = (self.cpu()?, Instant::now());
        let turn = turn(self.run, &self.nodes, operation, &self.people, WINDOW)?;
        Ok((self.cpu()?.since(&before).since(&idle.times(began.elapsed().as_secs_f64())), turn.count))
    }

    /// What a second costs in which nothing is asked for.
    fn idle(&self) -> Result<Cpu, Failure> {
        let window = self.run.window(WINDOW);
        let before = self.cpu()?;
        thread::sleep(window);
        Ok(self.cpu()?.since(&before).times(1.0 / window.as_secs_f64()))
    }

    /// All operations at the same time, each at its own rate, of both gateways.
    fn together(&self) -> Result<Together, Failure> {
        let (mut asked, mut plans) = (Vec::new(), Vec::new());
        let window = self.run.window(MIXED_WINDOW);
        for gateway in self.nodes.gateways() {
            for (operation, per_s) in MIX {
                asked.push(operation);
                plans.push(operation.paced(gateway, &self.people, per_s, window));
            }
        }
        let before = self.cpu()?;
        let outcomes = load::run(Some(self.run.cores.generator()), &plans)?;
        let cpu = self.cpu()?.since(&before);
        let mut counts = BTreeMap::new();
        for (operation, outcome) in asked.into_iter().zip(&outcomes) {
            if outcome.due > 0 {
                expect_only(operation, outcome)?;
            }
            *counts.entry(operation).or_default() += outcome.answered();
        }
        let lasted = outcomes.iter().map(|outcome| outcome.lasted).max().unwrap_or(window);
        Ok(Together { cpu, counts, lasted })
    }
}

/// The share of a core that `role` should take.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn foretell(role: &str, costs: &BTreeMap<Operation, (Cpu, usize)>, idle: &Cpu, together: &Together) -> f64 {
    let each = |(cpu, count): &(Cpu, usize)| cpu.of(role).as_secs_f64() / *count as f64;
    let busy: f64 = together.counts.iter().map(|(operation, count)| each(&costs[operation]) * *count as f64).sum();
    idle.of(role).as_secs_f64() + busy / together.lasted.as_secs_f64()
}

fn figure(
    run: &Run,
    (role, name): (&str, &str),
    found: &Repeats,
    foretold: &Repeats,
    alone: &BTreeMap<Operation, Costs>,
) -> Figure {
    let costs: Vec<_> =
        alone.iter().map(|(operation, costs)| format!("{} {:.0}", operation.name(), costs.of(role))).collect();
    let mix: Vec<_> = MIX
        .iter()
        .map(|(operation, per_s)| format!("{} {}", operation.name(), GATEWAYS * usize::from(*per_s)))
        .collect();
    let reference = ("the sum of what each operation costs alone, and of what an idle second does", foretold.median());
    Figure::reported(name, "cores", found.median(), reference, Direction::AtMost)
        .note(format!("us of CPU that {role} takes for each: {}", costs.join(", ")))
        .note(format!("asked for together, a second: {}", mix.join(", ")))
        .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), found.spread(), foretold.spread()))
}
