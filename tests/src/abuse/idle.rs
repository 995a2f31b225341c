//! Connections that do nothing, by the thousand: others are served meanwhile, the bound holds, memory is bounded.

use std::{fs, time::Instant};

use super::{Extent, Ledger, Wire, descriptors};
use crate::{Home, Node, eventually};

/// A request that leaves its connection open.
const LOOK: &str = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n";

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    crowd(extent, &ledger).await;
    bound(&ledger).await;
}

/// Many connections that each made a request and stay: a node that began with the usual number of descriptors.
async fn crowd(extent: Extent, ledger: &Ledger) {
    let home = Home::new().set("gateway.deadlines.keep_alive_ms", "600000");
    // Short runs share their process with other tests, whose descriptors are not to be taken away.
    if extent.is_full() {
        descriptors::lower();
    }
    let node = home.up().await;
    let own = descriptors::raise();
    let wanted = extent.pick(300, 10_000);
    ledger.judge("descriptors for this process", format!("more than {wanted}"), own, own > wanted + 100);
    let ann = node.register("ann").await;
    let (mut crowd, mut answered) = (Vec::new(), 0);
    for _ in 0..wanted {
        let mut wire = Wire::connect(node.gateway()).await;
        wire.send(LOOK).await;
        crowd.push(wire);
    }
    for wire in &mut crowd {
        answered += u64::from(wire.answer().await.is_some_and(|reply| reply.status == 404));
    }
    ledger.equal(format!("{wanted} connections that each make a request and stay: answered"), wanted, answered);
    let open = descriptors_of(&node);
    ledger.judge("descriptors that the node has open then", format!("at least {wanted}"), open, open >= wanted);
    serves(&ann, extent, ledger).await;
    ledger.memory(extent, &format!("a node with {wanted} idle connections"), &node);
    drop(crowd);
    eventually("the connections to go", async || (descriptors_of(&node) < 200).then_some(())).await;
    ledger.judge("descriptors once the crowd has gone", "fewer than 200", descriptors_of(&node), true);
}

/// Somebody else is served while the crowd stays.
async fn serves(ann: &crate::Account, extent: Extent, ledger: &Ledger) {
    let (mut served, mut longest) = (0, 0);
    for _ in 0..50 {
        let begun = Instant::now();
        served += u32::from(ann.get("/me").await.status == 200);
        longest = longest.max(begun.elapsed().as_millis());
    }
    ledger.equal("meanwhile somebody else's 50 requests", 50, served);
    if extent.is_full() {
        ledger.judge("the longest of them", "at most 1000 ms", format!("{longest} ms"), longest <= 1000);
    }
}

fn descriptors_of(node: &Node) -> u64 {
    fs::read_dir(format!("/proc/{}/fd", node.id())).map_or(0, |entries| entries.count() as u64)
}

/// More connections than there may be: the rest wait, and are served as others leave.
async fn bound(ledger: &Ledger) {
    const MAX: usize = 16;
    let home = Home::new().set("gateway.limits.connections_max", &MAX.to_string()).set("gateway.workers", "1");
    let node = home.up().await;
    let before = descriptors_of(&node);
    let mut held = Vec::new();
    for _ in 0..MAX {
        let mut wire = Wire::connect(node.gateway()).await;
        wire.send(LOOK).await;
        wire.answer().await;
        held.push(wire);
    }
    let mut waiting = Wire::connect(node.gateway()).await;
    waiting.send(LOOK).await;
    let early = waiting.hear(std::time::Duration::from_millis(300)).await;
    let taken = descriptors_of(&node).saturating_sub(before);
    ledger.equal(format!("one connection more than the {MAX} that there may be"), "none", early.statuses());
    ledger.judge(
        "descriptors that the connections take",
        format!("at most {}", MAX + 8),
        taken,
        taken <= MAX as u64 + 8,
    );
    held.pop();
    let late = waiting.answer().await.map_or(0, |reply| reply.status);
    ledger.equal("the same once another has left", 404, late);
}
