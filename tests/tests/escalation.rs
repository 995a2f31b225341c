//! A node whose actors crash again and again ends in order, for whatever started it to start it again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use portico_tests::{Client, Home, pictures};
use serde_json::Value;

/// One crash more than a node bears within a minute. So many messages to each of them that the start hardly meets one.
const CHAOS: &str = "crash_one_in=64,crashes=31,escalate=1";
/// One crash fewer.
const BEARABLE: &str = "crash_one_in=64,crashes=30,escalate=1";
/// Clients at the same time, and the most that each asks for.
const CLIENTS: usize = 4;
const REQUESTS_MAX: usize = 20_000;

/// Asks for accounts that there are none of, which only the actor knows, until nobody answers or all crashes have been met.
async fn ask_until(client: Client, enough: Arc<AtomicBool>) {
    for number in 0..REQUESTS_MAX {
        let path = format!("/users/id/00000000-0000-7000-8000-{number:012x}");
        if enough.load(Ordering::Relaxed) || client.get(&path).attempt().await.is_none() {
            break;
        }
    }
    enough.store(true, Ordering::Relaxed);
}

#[tokio::test]
async fn one_crash_too_many_drains_the_node_and_ends_it_with_its_report_and_nothing_is_lost() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let photo = ann.upload(pictures::png()).await["content_url"].as_str().unwrap().to_owned();
    node.stop().await;

    let node = home.up_in_chaos(CHAOS).await;
    let (client, enough) = (node.client().with_token(&ann.token), Arc::default());
    let asking = (0..CLIENTS).map(|_| tokio::spawn(ask_until(client.clone(), Arc::clone(&enough))));
    let asking: Vec<_> = asking.collect();
    let exit = node.ended().await;
    for client in asking {
        client.await.unwrap();
    }

    assert_eq!(exit.code(), Some(70), "{exit:?}");
    assert!(exit.stderr.contains("portico: an actor crashed too often; see the log"), "{}", exit.stderr);
    let records = home.run(&["logs", "--json"]);
    let bodies: Vec<String> = records.stdout.lines().map(body).collect();
    let place = |wanted: &str| bodies.iter().position(|body| body == wanted);
    assert_eq!(bodies.iter().filter(|body| *body == "actor crashed").count(), 31, "{records:?}");
    let gave_up = place("too many crashes: supervisor gives up").expect("the log tells why");
    let stopped = bodies.iter().rposition(|body| body == "node stops").expect("it stopped in order");
    assert!(gave_up < stopped);
    assert!(!home.data().join("control.sock").exists(), "it cleared away");
    let node = home.up().await;
    assert_eq!(node.client().with_token(&ann.token).get(&photo).await.status, 200);
}

#[tokio::test]
async fn as_many_crashes_as_a_node_bears_do_not_end_it() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    node.stop().await;

    let node = home.up_in_chaos(BEARABLE).await;
    let (client, enough) = (node.client().with_token(&ann.token), Arc::<AtomicBool>::default());
    let asking = tokio::spawn(ask_until(client, Arc::clone(&enough)));
    portico_tests::eventually("all crashes", async || (crashes(&node).await == Some(30)).then_some(())).await;
    enough.store(true, Ordering::Relaxed);
    asking.await.unwrap();
    let exit = node.stop().await;

    assert_eq!(exit.code(), Some(0), "{exit:?}");
}

/// How many actors crashed, as the node counts them.
async fn crashes(node: &portico_tests::Node) -> Option<u64> {
    let tree = node.operator_client().get("/tree").await.json();
    Some(tree["children"].as_array()?.iter().filter_map(|actor| actor["restarts"]["panic"].as_u64()).sum())
}

fn body(record: &str) -> String {
    let record: Value = serde_json::from_str(record).unwrap();
    record["Body"].as_str().unwrap_or_default().to_owned()
}
