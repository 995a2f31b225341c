//! A node whose log records go by Kafka: what its operator meets when that is away or is not right, and that each record
//! stands exactly once in the files of whoever collects, whoever is killed.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use portico_tests::{
    Home, Node, PASSWORD, Servers, SmallDisk, eventually, nobody,
    records::{runs, whole},
};
use serde_json::{Value, json};

/// A home whose nodes send by a topic of their own, and collect.
fn home(servers: &Servers) -> Home {
    Home::new()
        .set("user.password.argon2.memory_kib", "8")
        .set("user.password.argon2.iterations", "1")
        .with_logs_by(servers)
}

async fn metric(node: &Node, name: &str) -> Option<u64> {
    let text = node.operator_client().get("/metrics").await.bytes;
    let text = String::from_utf8(text).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Waits until all that a node accepted stands in files, and answers how much that was. It is the latest of so many runs.
async fn settled(node: &Node, logs: &Path, of_runs: usize) -> u64 {
    let accepted = eventually("the first records to be accepted", async || {
        metric(node, "portico_log_accepted_total").await.filter(|accepted| *accepted > 0)
    })
    .await;
    for _ in 0..4 {
        // What has to come to life again first takes longer than one wait: a broker, a group without its dead member.
        let looked = async {
            loop {
                let runs = runs(logs); // by their time: a boot is a UUID of version 7
                let latest = runs.values().next_back().map_or(0, Vec::len) as u64;
                if runs.len() == of_runs && latest >= accepted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), looked).await.is_ok() {
            return accepted;
        }
    }
    panic!(
        "{accepted} records were accepted, and files hold {:?}",
        runs(logs).values().map(Vec::len).collect::<Vec<_>>()
    );
}

/// Waits until as many runs stand in files, one of them with as much as a node has accepted.
async fn holds(node: &Node, logs: &Path, of_runs: usize) {
    let accepted = metric(node, "portico_log_accepted_total").await.expect("it counts");
    let found = || {
        let runs = runs(logs);
        runs.len() == of_runs && runs.values().any(|run| run.len() as u64 >= accepted)
    };
    let looked = async {
        while !found() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let held = tokio::time::timeout(Duration::from_mins(2), looked).await;
    assert!(held.is_ok(), "{accepted}: {:?}", runs(logs).values().map(Vec::len).collect::<Vec<_>>());
}

fn failing(report: &Value) -> BTreeSet<&str> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    checks.map(|check| check["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_a_node_logs_stands_in_the_files_of_the_node_that_collects() {
    let servers = Servers::shared(&["kafka"]);
    let collects = home(&servers);
    let sends = collects.another().set("log.collect", "false");
    let (keeper, node) = (collects.up().await, sends.up().await);
    node.register("ann").await;

    let accepted = settled(&node, &collects.data().join("logs"), 2).await;

    assert!(accepted > 0);
    eventually("the files to have caught up", async || {
        let collected = metric(&keeper, "portico_log_collected_total").await?;
        let lag = metric(&keeper, "portico_log_lag").await?;
        (collected >= accepted && lag == 0).then_some(())
    })
    .await;
    assert!(!sends.data().join("logs").exists(), "a node that does not collect has no files");
    assert!(node.stop().await.status.success() && keeper.stop().await.status.success());
    whole(&collects.data().join("logs"));
    let printed = collects.run(&["logs", "--json"]);
    assert!(printed.stdout.lines().count() as u64 >= accepted, "{printed:?}");
}

#[tokio::test]
async fn a_node_that_is_killed_again_and_again_has_each_accepted_record_in_its_files_once() {
    const KILLS: usize = 20;
    let servers = Servers::shared(&["kafka"]);
    let home = home(&servers).set("log.flush_ms", "20");
    let logs = home.data().join("logs");
    let mut accepted = Vec::new();

    for kill in 0..KILLS {
        let node = home.up().await;
        let client = node.client();
        let work = tokio::spawn(async move {
            for number in 0.. {
                let email = format!("k{kill}.{number}@example.com");
                let new = json!({"name": "Ann", "email": email, "password": PASSWORD});
                if client.post("/reg?transport=bearer").json(&new).attempt().await.is_none() {
                    return;
                }
            }
        });
        // Anywhere between the first record and the middle of everything.
        let pause = Duration::from_millis(fastrand::u64(0..400));
        let until = tokio::time::Instant::now() + pause;
        let mut last = metric(&node, "portico_log_accepted_total").await;
        while tokio::time::Instant::now() < until {
            last = metric(&node, "portico_log_accepted_total").await.max(last);
        }
        node.kill();
        work.await.unwrap();
        accepted.push(last.unwrap_or_default());
    }
    let node = home.up().await;
    settled(&node, &logs, KILLS + 1).await;
    assert!(node.stop().await.status.success()); // so that nobody writes any more

    whole(&logs);
    let found: Vec<_> = runs(&logs).into_values().map(|run| run.len() as u64).collect();
    let lost = found.iter().zip(&accepted).find(|(found, accepted)| found < accepted);
    assert!(lost.is_none(), "accepted {accepted:?}, found {found:?}");
}

#[tokio::test]
async fn a_kafka_that_is_killed_under_load_keeps_nobody_waiting_and_loses_nothing() {
    let servers = Servers::own(&["kafka"]);
    let home = home(&servers);
    let node = home.up().await;
    let logs = home.data().join("logs");
    settled(&node, &logs, 1).await;

    servers.kill("kafka");
    for number in 0..50 {
        node.register(&format!("away{number}")).await;
    }
    eventually("records to wait", async || (metric(&node, "portico_log_spool_bytes").await? > 0).then_some(())).await;
    let ready = node.readiness().await;
    servers.up("kafka");
    node.register("bob").await;
    settled(&node, &logs, 1).await;

    assert_eq!(ready, Some(reqwest::StatusCode::OK), "a spool that is filling is ready");
    assert!(node.stop().await.status.success());
    whole(&logs);
}

#[tokio::test]
async fn of_several_partitions_none_loses_or_doubles_a_record_while_kafka_and_a_node_are_killed() {
    let servers = Servers::own(&["kafka"]);
    let collects = home(&servers).set("log.transport.partitions", "3");
    let senders: Vec<_> = (0..4).map(|_| collects.another().set("log.collect", "false")).collect();
    let (keeper, logs) = (collects.up().await, collects.data().join("logs"));
    let mut nodes = Vec::new();
    for sender in &senders {
        nodes.push(sender.up().await);
    }

    servers.kill("kafka");
    for (number, node) in nodes.iter().enumerate() {
        node.register(&format!("away{number}")).await;
    }
    nodes.remove(0).kill();
    servers.up("kafka");
    nodes.push(senders[0].up().await);
    keeper.kill();
    let keeper = collects.up().await;
    for (number, node) in nodes.iter().enumerate() {
        node.register(&format!("back{number}")).await;
    }
    let runs = 2 + senders.len() + 1; // the keeper's and a sender's second among them
    for node in &nodes {
        holds(node, &logs, runs).await;
    }

    for node in nodes {
        assert!(node.stop().await.status.success());
    }
    keeper.stop().await;
    whole(&logs);
}

#[tokio::test]
async fn a_spool_that_is_full_is_named_and_what_it_refused_is_counted_and_told() {
    let servers = Servers::own(&["kafka"]);
    let home = home(&servers)
        .set("log.level", "trace")
        .set("log.queue_max", "2048")
        .set("log.transport.spool_max_bytes", "8388608");
    let node = home.up().await;
    servers.kill("kafka");
    let ann = node.register("ann").await;
    let client = node.client().with_token(&ann.token);

    let refused = async {
        loop {
            client.get("/me").await;
            // On a busy machine the queue before the spool refuses some while the spool has room.
            let is_full = failing(&node.operator_client().get("/readyz").await.json()).contains("kafka");
            if is_full && metric(&node, "portico_log_refused_total").await > Some(0) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(2), refused).await.expect("the spool fills, and is named");
    servers.up("kafka");
    eventually("readiness", async || (node.readiness().await? == reqwest::StatusCode::OK).then_some(())).await;

    let told = async || {
        let text = fs::read_dir(home.data().join("logs"))
            .ok()?
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
        text.collect::<String>().contains("log.refused.count").then_some(())
    };
    eventually("what was refused to be told", told).await;
    assert!(node.stop().await.status.success());
    whole(&home.data().join("logs"));
}

#[tokio::test]
async fn a_disk_that_fills_costs_the_collector_nothing() {
    const DISK_BYTES: u64 = 24 * 1024 * 1024;
    let servers = Servers::shared(&["kafka"]);
    let collects = home(&servers);
    let sends = collects.another().set("log.collect", "false");
    let disk = SmallDisk::mount(&collects, DISK_BYTES);
    let (keeper, node) = (disk.up(&collects).await, sends.up().await);
    let logs = disk.path().join("logs");
    settled(&node, &logs, 2).await;

    disk.fill();
    for number in 0..20 {
        node.register(&format!("full{number}")).await;
    }
    eventually("the collector's disk to be named", async || {
        failing(&keeper.operator_client().get("/readyz").await.json()).contains("files:log").then_some(())
    })
    .await;
    disk.free();
    settled(&node, &logs, 2).await;

    assert!(node.stop().await.status.success());
    keeper.stop().await;
    whole(&logs);
}

#[test]
fn what_does_not_mend_by_itself_ends_the_node_at_once_with_one_line_that_names_the_key() {
    let servers = Servers::shared(&["kafka"]);
    let over_tls = || home(&servers).set("log.transport.tls.mode", "verify_full");
    let unknown = over_tls().set("log.transport.brokers", servers.setting("KAFKA_TLS"));
    let wrong = over_tls()
        .set("log.transport.brokers", servers.setting("KAFKA_SASL"))
        .set("log.transport.tls.ca_file", servers.ca().to_str().unwrap())
        .set("log.transport.sasl.user", "portico")
        .set("log.transport.sasl.password", "hunter2");

    for (home, told) in
        [(unknown, "log.transport.tls: no TLS with the broker"), (wrong, "log.transport.sasl: the broker refuses")]
    {
        home.refuses_to_start(told, "hunter2");
    }
}

#[tokio::test]
async fn a_kafka_that_is_away_keeps_no_node_from_starting() {
    let home = Home::new()
        .set("log.transport.kind", "kafka")
        .set("log.transport.brokers", &nobody().to_string())
        .set("log.transport.tls.mode", "disable");

    let node = home.up().await;
    node.register("ann").await;

    assert!(node.stop().await.status.success());
    assert!(home.files().iter().any(|path| path.starts_with(home.data().join("spool"))));
}
