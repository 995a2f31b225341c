//! Nodes whose log records another node keeps: each that was accepted stands in its files once, whoever is killed.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
};

use portico_tests::{Client, Home, Member, PASSWORD, eventually, nobody, records};
use serde_json::json;

/// The node that keeps records and one that has everything else, in directories of their own.
struct Nodes {
    home: Home,
    keeper: SocketAddr,
}

impl Nodes {
    fn new() -> Self {
        let cheap = |home: Home, (key, value): (&str, &str)| home.set(&format!("user.password.argon2.{key}"), value);
        let home = [("memory_kib", "8"), ("iterations", "1")].into_iter().fold(Home::new(), cheap);
        let home = home.set("log.transport.kind", "grpc").set("node.plaintext", "true").set("log.flush_ms", "20");
        Self { home, keeper: nobody() }
    }

    async fn keeper(&self) -> Member {
        let listen = ("node.listen".to_owned(), self.keeper.to_string());
        Member::start(&self.home, "keeper", &["log"], &[listen]).await
    }

    async fn front(&self) -> Member {
        let log = ("node.peers.log".to_owned(), format!("[\"{}\"]", self.keeper));
        Member::start(&self.home, "front", &["gateway", "user", "session", "photo"], &[log]).await
    }

    fn logs(&self) -> PathBuf {
        self.home.path().join("keeper/logs")
    }

    /// Waits until all that `front` accepted in its run stands in the files of the keeper; how much that was.
    async fn settled(&self, front: &Member) -> u64 {
        eventually("all records to stand", || async {
            let accepted = front.metric("portico_log_accepted", "").await;
            let is_whole = records::runs(&self.logs()).values().any(|run| run.len() as u64 >= accepted);
            let is_empty = front.metric("portico_log_spool_bytes", "").await == 0;
            (accepted > 0 && is_whole && is_empty).then_some(accepted)
        })
        .await
    }
}

/// Signs people up until nobody answers.
async fn work(client: Client, life: usize) {
    for number in 0.. {
        let new = json!({"name": "Ann", "email": format!("a{life}.{number}@example.com"), "password": PASSWORD});
        if client.post("/reg?transport=bearer").json(&new).attempt().await.is_none() {
            return;
        }
    }
}

#[tokio::test]
async fn what_a_node_logs_stands_in_the_files_of_the_node_that_keeps_records_and_nowhere_else() {
    let nodes = Nodes::new();
    let (keeper, front) = (nodes.keeper().await, nodes.front().await);

    let accepted = nodes.settled(&front).await;

    assert!(keeper.metric("portico_log_collected", "").await >= accepted);
    assert!(!front.logs().exists(), "it keeps none itself");
    records::whole(&nodes.logs());
}

#[tokio::test]
async fn a_node_that_keeps_records_and_is_killed_again_and_again_has_each_accepted_one_once() {
    const KILLS: usize = 6;
    let nodes = Nodes::new();
    let mut keeper = nodes.keeper().await;
    let front = nodes.front().await;
    let working = tokio::spawn(work(front.client(), 0));

    for _ in 0..KILLS {
        let before = front.metric("portico_log_accepted", "").await;
        drop(keeper);
        eventually("records to wait", || async {
            let more = front.metric("portico_log_accepted", "").await > before;
            (more && front.metric("portico_log_spool_bytes", "").await > 0).then_some(())
        })
        .await;
        keeper = nodes.keeper().await;
    }
    working.abort();

    nodes.settled(&front).await;
    drop(keeper); // so that nobody writes any more
    records::whole(&nodes.logs());
}

#[tokio::test]
async fn a_node_that_is_killed_again_and_again_has_each_accepted_record_kept_once() {
    const KILLS: usize = 6;
    let nodes = Nodes::new();
    let keeper = nodes.keeper().await;
    let mut accepted = Vec::new();

    for life in 0..KILLS {
        let front = nodes.front().await;
        let working = tokio::spawn(work(front.client(), life));
        tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(0..300))).await;
        accepted.push(front.metric("portico_log_accepted", "").await);
        drop(front);
        working.await.expect("it ends with the node");
    }
    let front = nodes.front().await;
    nodes.settled(&front).await;

    drop((front, keeper)); // so that nobody writes any more
    records::whole(&nodes.logs());
    let mut found: Vec<_> = records::runs(&nodes.logs()).into_values().map(|run| run.len() as u64).collect();
    found.sort_unstable();
    assert!(found.len() > KILLS, "{found:?} of {accepted:?}");
    let all: u64 = found.iter().sum();
    assert!(all >= accepted.iter().sum(), "{found:?} of {accepted:?}");
}

#[tokio::test]
async fn an_operator_follows_from_elsewhere_what_all_nodes_log() {
    let nodes = Nodes::new();
    let (_keeper, front) = (nodes.keeper().await, nodes.front().await);
    let from = nodes.keeper.to_string();
    let mut reader = nodes.home.command(&["logs", "--from", &from, "--follow", "--service", "user"]).spawn().unwrap();
    let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();

    let new = json!({"name": "Ann", "email": "ann@example.com", "password": PASSWORD});
    let signed_up = front.client().post("/reg?transport=bearer").json(&new).await;

    assert_eq!(signed_up.status, 201);
    let trace = signed_up.header("traceparent").split('-').nth(1).unwrap().to_owned();
    let told =
        tokio::task::spawn_blocking(move || lines.find_map(|line| line.ok().filter(|line| line.contains("regist"))));
    assert!(told.await.unwrap().is_some());
    reader.kill().unwrap();
    reader.wait().unwrap();
    let traced = nodes.home.run(&["logs", "--from", &from, "--trace", &trace, "--json"]);
    assert!(traced.status.success() && traced.stdout.lines().all(|line| line.contains(&trace)), "{traced:?}");
}

#[tokio::test]
async fn records_are_read_by_an_operators_certificate_and_by_none_of_a_node() {
    let home = Home::new().set("log.transport.kind", "grpc").set("node.tls.ca_file", "certs/ca.pem");
    for arguments in
        [&["init"][..], &["issue", "--role", "log"], &["issue", "--role", "user"], &["issue", "--operator"]]
    {
        let made = home.run(&[&["certs"], arguments].concat());
        assert!(made.status.success(), "{made:?}");
    }
    let own = |name: &str| {
        [("node.tls.certificate_file", "pem"), ("node.tls.key_file", "key")]
            .map(|(key, extension)| (key.to_owned(), format!("certs/{name}.{extension}")))
    };
    let listen = ("node.listen".to_owned(), "127.0.0.1:0".to_owned());
    let keeper = Member::start(&home, "keeper", &["log"], &[&own("log")[..], &[listen]].concat()).await;
    let read = |name: &str| {
        let (certificate, address) =
            (own(name).map(|(key, value)| format!("{key}={value}")), keeper.address().to_string());
        home.run(&["logs", "--json", "--from", &address, "--set", &certificate[0], "--set", &certificate[1]])
    };

    eventually("what the node has said to stand in its files", || async {
        let told = read("operator");
        assert!(told.status.success(), "{told:?}");
        told.stdout.contains("node started").then_some(())
    })
    .await;
    let refused = read("user");

    assert_eq!(refused.status.code(), Some(69), "{refused:?}");
    assert_eq!(keeper.metric("portico_node_refused", "role").await, 1);
}
