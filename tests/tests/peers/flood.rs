//! A peer that is one of ours by its certificate, and has run wild.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use portico_tests::{Client, eventually};

use crate::support::{Caller, Flood, Mesh, UNAUTHENTICATED, refused, register};

/// As many connections as one address may have, and more.
const CONNECTIONS: u64 = 100;
const LET_IN: u64 = 64;
/// The calls of each, which are 100,000 in all.
const CALLS: u32 = 1000;
/// Calls in flight that one address may have.
const HELD_MAX: u64 = 2048;
/// What it may cost the node at most: 48 KiB for each call that it holds, with the connections.
const COST_MAX_KIB: u64 = 96 * 1024;

/// Asks again and again until it is told to stop; how often it was served.
async fn served(client: Client, stop: Arc<AtomicBool>) -> u64 {
    let mut served = 0;
    while !stop.load(Relaxed) {
        client.get("/me").await.expect(200);
        served += 1;
    }
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_open_calls_cost_a_bounded_amount_of_memory_and_nobody_else_anything() {
    let mesh = Mesh::new().await;
    let (address, tls) = (mesh.session.address(), mesh.certs.client(Some((&mesh.certs, "front"))));
    let front = mesh.front().await;
    let ann = register(&front.client(), "ann").await;
    let (stop, before) = (Arc::<AtomicBool>::default(), mesh.session.peak_kib());
    let serving = tokio::spawn(served(ann, Arc::clone(&stop)));

    let mut flood = Flood::default();
    for _ in 0..CONNECTIONS {
        flood.add(address, tls.clone(), CALLS).await;
    }
    eventually("all that is begun", || std::future::ready(flood.has_begun(CALLS).then_some(()))).await;
    eventually("a word on all but those that are held", || async {
        let told = flood.sum(|seen| &seen.answered) + flood.sum(|seen| &seen.reset);
        (flood.sum(|seen| &seen.begun) - told <= HELD_MAX).then_some(())
    })
    .await;

    let cost = mesh.session.peak_kib() - before;
    assert!(cost < COST_MAX_KIB, "{cost} KiB");
    assert_eq!(flood.sum(|seen| &seen.begun), LET_IN * u64::from(CALLS), "the others did not come so far");
    assert_eq!(refused(&mesh.session, "full").await, CONNECTIONS - LET_IN);
    assert_eq!(refused(&mesh.session, "calls").await, flood.sum(|seen| &seen.answered));
    let another = Caller::connect(address, tls).await.expect("there is room");
    assert_eq!(another.validate().await.expect("it is answered"), UNAUTHENTICATED);
    stop.store(true, Relaxed);
    assert!(serving.await.expect("each answer was 200") > 0);
}
