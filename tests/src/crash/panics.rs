//! Crashes actors, by panics that a test build injects, while the process runs on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    CLIENTS, Findings, Plan,
    client::Client,
    finale,
    kills::together,
    logs::Logs,
    process::{self, Actor, Held},
    wire::{Mode, Wire},
};
use crate::{Home, Node};

/// What a test build reads: how many messages there are to a crash, and how many crashes in all.
const VARIABLE: &str = "PORTICO_CHAOS";
/// About one in so many messages crashes its actor.
const ONE_IN: u64 = 16;
/// How often the tree is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Crashes must go on: when none came for so long, something hangs.
const STANDSTILL_MAX: Duration = Duration::from_mins(1);

/// So many crashes meet every actor.
const MANY: u64 = 5_000;

/// How much more a process may hold at the end than after the first half, beside what its databases have grown by, which fills
/// their caches,
const MEMORY_MORE_KIB: u64 = 12 * 1024;
/// and beside what each thread of the runtime's that was not awake before has of its own.
const MEMORY_OF_THREAD_KIB: u64 = 1024;
/// Of the runtime's blocking threads more or fewer are awake; one that each restart left behind would be hundreds.
const THREADS_MORE: u64 = 40;
const FILES_MORE: u64 = 16;

/// Crashes actors `restarts` times under load, then checks everything.
pub async fn run(plan: &Plan, restarts: u64, findings: &Arc<Findings>) {
    let home = process::home();
    let chaos = format!("crash_one_in={ONE_IN},crashes={restarts}");
    let node = Node::start(process::command(plan, &home, &[(VARIABLE, &chaos)])).await;
    let number = |number| Client::new(number, plan.random(1_001 + number as u64));
    let clients: Vec<_> = (0..CLIENTS).map(number).collect();
    let (wire, stop) = (Wire::new(node.gateway(), findings, Mode::Crashed), Arc::new(AtomicBool::new(false)));
    let working = tokio::spawn(together(clients, {
        let stop = Arc::clone(&stop);
        move |client| client.work(wire.clone(), Arc::clone(&stop))
    }));
    let held = crashes(plan, &home, &node, restarts, findings).await;
    stop.store(true, Ordering::Relaxed);
    let clients = working.await.expect("clients do not panic");
    flat(&held, findings);
    let actors = calm(&node, restarts, findings).await;
    let clients = finale::api(&node, clients, findings).await;
    answered(&node, findings).await;
    finale::stop(&home, node, findings).await;
    let logs = finale::data(&home, &clients, findings).await;
    told(&actors, &logs, findings);
    finale::an_hour_later(plan, &home, &clients, findings).await;
}

/// Waits for all crashes; answers what the process held after the first half of them, when its caches have filled, and at the
/// end.
async fn crashes(plan: &Plan, home: &Home, node: &Node, wanted: u64, findings: &Findings) -> Vec<Held> {
    let (mut held, mut seen, began) = (Vec::new(), 0, Instant::now());
    let (mut moved, mut said) = (began, began);
    while seen < wanted {
        tokio::time::sleep(LOOK_EVERY).await;
        let now: u64 = process::actors(node).await.unwrap_or_default().iter().map(|actor| actor.panics).sum();
        if now > seen {
            (seen, moved) = (now, Instant::now());
        } else if moved.elapsed() > STANDSTILL_MAX {
            findings.violation(format!("no actor crashed for {STANDSTILL_MAX:?}, after {seen} of {wanted}"));
            break;
        }
        if held.is_empty() && seen >= wanted / 2 {
            held.push(process::held(home));
        }
        if said.elapsed() > Duration::from_secs(5) || seen == wanted {
            said = Instant::now();
            plan.say(findings, || {
                let (acknowledged, wrong) = (findings.total("acknowledged: "), findings.violations().len());
                let held = process::held(home);
                format!(
                    "{seen}/{wanted} restarts: {acknowledged} acknowledged, {wrong} wrong, {held:?}, {} s",
                    began.elapsed().as_secs()
                )
            });
        }
    }
    held.push(process::held(home));
    held
}

fn flat(held: &[Held], findings: &Findings) {
    let (Some(before), Some(after)) = (held.first(), held.last()) else { return };
    let databases_more = after.databases_kib.saturating_sub(before.databases_kib);
    let threads_more = after.threads.saturating_sub(before.threads);
    let memory_more = MEMORY_MORE_KIB + databases_more + threads_more * MEMORY_OF_THREAD_KIB;
    findings.add("databases (KiB), grown since the first half", databases_more);
    for (what, before, after, more) in [
        ("memory (KiB)", before.memory_kib, after.memory_kib, memory_more),
        ("threads", before.threads, after.threads, THREADS_MORE),
        ("descriptors", before.files, after.files, FILES_MORE),
    ] {
        findings.add(&format!("{what}, after the first half"), before);
        findings.add(&format!("{what}, at the end"), after);
        findings.hold(after <= before + more, || format!("{what} grew from {before} to {after}"));
    }
}

/// Every mailbox empties, and the tree's counts are those of the crashes that were asked for.
async fn calm(node: &Node, wanted: u64, findings: &Findings) -> Vec<Actor> {
    let rests = |actor: &Actor| actor.state == "running" && actor.depth == 0 && actor.in_flight == 0;
    finale::comes(findings, "every mailbox to empty", async || {
        process::actors(node).await.is_some_and(|actors| !actors.is_empty() && actors.iter().all(rests))
    })
    .await;
    let actors = process::actors(node).await.unwrap_or_default();
    let panics: u64 = actors.iter().map(|actor| actor.panics).sum();
    findings.hold(panics == wanted, || format!("{wanted} crashes were injected, and the tree tells of {panics}"));
    for Actor { path, incarnation, restarts, panics, handled, .. } in &actors {
        findings.hold(*incarnation == restarts + 1 && restarts == panics, || {
            format!("{path} is in its life {incarnation} after {restarts} restarts, {panics} of them after panics")
        });
        findings.hold(*panics > 0 || wanted < MANY, || format!("{path} was never crashed"));
        findings.add(&format!("restarts: {path}"), *restarts);
        findings.add("calls handled", *handled);
    }
    actors
}

/// The node counted as many requests as were answered here: none twice, none never.
async fn answered(node: &Node, findings: &Findings) {
    let answered = findings.counted("requests answered");
    let counted = process::requests(node).await;
    findings.hold(counted == Some(answered), || {
        format!("{answered} requests were answered, and the node counted {counted:?}")
    });
}

/// Every crash stands in the log once, and each call that the tree counts as crashed belongs to one of them.
fn told(actors: &[Actor], logs: &Logs, findings: &Findings) {
    for Actor { path, panics, crashed, .. } in actors {
        let told = logs.told(path, "actor crashed injected");
        findings.hold(told == *panics, || format!("{path} crashed {panics} times, and the log tells of {told}"));
        let told_at = |places: &[&str]| -> u64 {
            places.iter().map(|place| logs.told(path, &format!("actor crashed injected {place}"))).sum()
        };
        let calls = told_at(&["before a handler", "after a handler"])
            + logs.told(path, "call panicked after its handler returned");
        // A crash elsewhere takes along the exclusive call that the actor had in hand, if it had one.
        let perhaps = told_at(&["beside the work", "in exclusive work", "between two polls"]);
        findings.hold((calls..=calls + perhaps).contains(crashed), || {
            format!("{path}: {calls} calls were crashed, perhaps {perhaps} more, and the tree tells of {crashed}")
        });
        findings.add("calls crashed", *crashed);
    }
}
