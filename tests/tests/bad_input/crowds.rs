//! Requests by the thousand on one connection, whose answers nobody takes: they wait outside of the node.

use std::{fs, future::pending, sync::Arc, time::Duration};

use portico_tests::{Home, Node, Raw};
use tokio::task::JoinSet;

/// What a connection sends: answers that fill every buffer, then many small requests, which cost far more in memory than
/// on the wire.
fn crowd() -> String {
    let large = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(150);
    format!("{large}{}", "GET / HTTP/1.1\r\nhost:\r\n\r\n".repeat(2500))
}

/// The node's resident memory, in KiB.
fn resident_kib(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The time that the node has computed, in ticks of a hundredth of a second (proc(5)).
fn ticks(node: &Node) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", node.id())).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Waits until the node computes next to nothing; how much memory it has then.
async fn settled(node: &Node) -> u64 {
    for _ in 0..30 {
        let before = ticks(node);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if ticks(node) - before < 30 {
            return resident_kib(node);
        }
    }
    panic!("the node computes on, though nobody takes an answer");
}

#[tokio::test]
async fn a_crowd_of_requests_whose_answers_nobody_takes_costs_neither_time_nor_memory() {
    const CONNECTIONS: u64 = 20;
    let home = Home::new().set("gateway.rate_limits.per_address.burst", "1000000");
    let node = home.up().await;
    let before = settled(&node).await;

    let (mut clients, crowd) = (JoinSet::new(), Arc::new(crowd()));
    for _ in 0..CONNECTIONS {
        let (mut connection, crowd) = (Raw::connect(node.gateway()).await, Arc::clone(&crowd));
        clients.spawn(async move {
            connection.write(&*crowd).await; // as far as the node takes it
            pending::<()>().await;
        });
    }
    let after = settled(&node).await;

    let each = after.saturating_sub(before) / CONNECTIONS;
    assert!(each < 2 * 1024, "{each} KiB for each connection");
    clients.abort_all();
}
