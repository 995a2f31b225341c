//! Kills the process: under load, while it starts, and while it stops.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    CLIENTS, Findings, Plan,
    client::Client,
    finale,
    logs::Run,
    process::{self, Starting},
    wire::{Mode, Wire},
};
use crate::{Home, Node};

/// How long a round of load lasts at the most, whatever is acknowledged.
const ROUND_MAX: Duration = Duration::from_secs(10);
/// How often the node is asked how much of its log it has accepted.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How a node is ended.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// While clients work.
    Load,
    /// While clients work and it has been asked to stop.
    Stop,
    /// Before it is ready.
    Start,
}

/// Kills a node `kills` times and checks it after each, and everything at the end.
pub async fn run(plan: &Plan, kills: usize, findings: &Arc<Findings>) {
    let (home, clients, accepted) = kill(plan, kills, findings).await;
    finale::hold(plan, &home, clients, &accepted, findings).await;
}

/// The same, with something done to the data directory before the last checks: nothing is in doubt by then, and everything
/// delivered.
pub async fn run_and_harm(plan: &Plan, kills: usize, harm: impl AsyncFnOnce(PathBuf), findings: &Arc<Findings>) {
    let (home, clients, accepted) = kill(plan, kills, findings).await;
    let clients = finale::settled(plan, &home, clients, findings).await;
    harm(home.data()).await;
    finale::hold(plan, &home, clients, &accepted, findings).await;
}

/// What is left of a node that was killed again and again: its home, those who were told things, and how many log records each
/// run of it had accepted at least.
async fn kill(plan: &Plan, kills: usize, findings: &Arc<Findings>) -> (Home, Vec<Client>, Vec<(Run, u64)>) {
    let (home, mut random) = (plan.home(), plan.random(0));
    let number = |number| Client::new(number, plan.random(1 + number as u64));
    let mut clients: Vec<_> = (0..CLIENTS).map(number).collect();
    let (mut accepted, began) = (Vec::new(), Instant::now());
    for kill in 1..=kills {
        let moment = match random.u8(..10) {
            0 => Moment::Start,
            1 => Moment::Stop,
            _ => Moment::Load,
        };
        if let Moment::Start = moment {
            let starting = Starting::begin(plan, &home);
            tokio::time::sleep(random.u32(..80) * Duration::from_millis(1)).await; // anywhere in the start
            drop(starting);
        } else {
            clients = round(plan, &home, clients, moment, &mut random, &mut accepted, findings).await;
        }
        findings.count(&format!("kills: {moment:?}"));
        plan.say(findings, || {
            let acknowledged = findings.total("acknowledged: ");
            let (checked, wrong) = (findings.counted("accounts checked"), findings.violations().len());
            let elapsed = began.elapsed().as_secs();
            format!(
                "kill {kill:>3}/{kills} ({moment:?}): {acknowledged} acknowledged, {checked} checks, {wrong} wrong, {elapsed} s"
            )
        });
    }
    (home, clients, accepted)
}

/// Starts the node, checks what was acknowledged before, keeps it busy, and kills it.
async fn round(
    plan: &Plan,
    home: &Home,
    clients: Vec<Client>,
    moment: Moment,
    random: &mut fastrand::Rng,
    accepted: &mut Vec<(Run, u64)>,
    findings: &Arc<Findings>,
) -> Vec<Client> {
    let node = process::up(plan, home).await;
    let run = Run::of(&node);
    let wire = Wire::new(node.gateway(), findings, Mode::Killed);
    let clients = together(clients, |client| client.check(wire.clone(), false)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let working = tokio::spawn(together(clients, {
        let stop = Arc::clone(&stop);
        move |client| client.work(wire.clone(), Arc::clone(&stop))
    }));
    let until = async {
        let _late = tokio::time::timeout(ROUND_MAX, findings.progress(random.u64(1..=plan.operations_max))).await;
        tokio::time::sleep(random.u32(..5_000) * Duration::from_micros(1)).await; // anywhere in an operation
    };
    let mut on_disk = 0;
    tokio::select! {
        () = until => {}
        () = watch(&node, &mut on_disk) => {}
    }
    if let Moment::Stop = moment {
        node.terminate();
        tokio::time::sleep(random.u32(..60) * Duration::from_millis(1)).await; // anywhere in the stop
    }
    node.kill();
    stop.store(true, Ordering::Relaxed);
    accepted.push((run, on_disk));
    working.await.expect("clients do not panic")
}

/// Keeps in mind how many records the node said were on disk.
async fn watch(node: &Node, on_disk: &mut u64) {
    loop {
        if let Some(accepted) = process::metric(node, "portico_log_accepted_total").await {
            *on_disk = accepted;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Has all clients do something at the same time.
pub(super) async fn together<F>(clients: Vec<Client>, what: impl Fn(Client) -> F) -> Vec<Client>
where
    F: Future<Output = Client> + Send + 'static,
{
    clients.into_iter().map(what).collect::<JoinSet<_>>().join_all().await
}
