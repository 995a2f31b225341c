//! What a node counts, told to a collector by OTLP over HTTP. The collector here takes whatever comes: what real ones make of
//! it, `deploy/README.md` tells.

use std::{net::TcpListener, time::Duration};

use portico_tests::{Collector, Home, eventually};

#[tokio::test]
async fn a_collector_is_told_what_the_node_counts_and_whose_it_is() {
    let collector = Collector::start();
    let home = Home::new().set("telemetry.otlp.endpoint", &collector.url).set("telemetry.otlp.every_s", "1");
    let home = home.set("node.name", "node-7");
    let node = home.up().await;
    node.client().get("/docs").await;

    let counted = ["http.server.request.duration", "portico.actor.mailbox.depth", "portico.outbox.depth"];
    eventually("all that is counted", || async { collector.has(&counted).then_some(()) }).await;

    assert!(collector.has(&["service.name", "portico", "service.instance.id", "node-7"]));
}

#[tokio::test]
async fn what_was_counted_last_is_sent_when_the_node_ends() {
    let collector = Collector::start();
    let home = Home::new().set("telemetry.otlp.endpoint", &collector.url).set("telemetry.otlp.every_s", "3600");
    let node = home.up().await;

    let exit = node.stop().await;

    assert_eq!(exit.code(), Some(0), "{exit:?}");
    assert!(collector.has(&["portico.actor.handled"]));
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_neither_requests_nor_the_nodes_end() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap(); // the system takes what comes, and nobody reads it
    let endpoint = format!("http://{}", mute.local_addr().unwrap());
    let home = Home::new().set("telemetry.otlp.endpoint", &endpoint).set("telemetry.otlp.every_s", "1");
    let home = home.set("shutdown.deadline_ms", "2000");
    let node = home.up().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;

    let answer = node.client().get("/openapi.json").await;
    let exit = node.stop().await;

    assert_eq!(answer.status, 200);
    assert_eq!(exit.code(), Some(0), "{exit:?}");
}
