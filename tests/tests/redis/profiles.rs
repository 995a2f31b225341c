//! Nodes that share profiles on a Redis server: what one changes the others soon know, no version ever goes back, and nobody
//! misses the server while it is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portico_tests::{Client, Home, Node, PASSWORD, Servers, eventually};
use serde_json::json;
use tokio::task::JoinSet;

/// How long a node may serve what another has changed.
const LEASE: Duration = Duration::from_secs(1);
/// What a request may take that waits for nobody.
const AT_ONCE: Duration = Duration::from_secs(1);

fn sharing(servers: &Servers) -> Home {
    Home::new().over(servers).set("user.cache.adapter", "redis").set("user.password.argon2.memory_kib", "64")
}

/// How often a node found a profile on the server, found none, and did without it.
async fn outcome(node: &Node, outcome: &str) -> u64 {
    let metrics = String::from_utf8(node.operator_client().get("/metrics").await.bytes).unwrap();
    let name = format!("portico_profile_shared_total{{outcome=\"{outcome}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    value.expect("it is counted")
}

/// Reads somebody's profile until the node has found it on the server.
async fn warm(node: &Node, client: &Client, path: &str) {
    let before = outcome(node, "hit").await;
    eventually("a profile that is shared", || async {
        client.get(path).await.expect(200);
        (outcome(node, "hit").await > before).then_some(())
    })
    .await;
}

async fn name(client: &Client, path: &str) -> String {
    client.get(path).await.expect(200)["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_name_that_is_changed_on_one_node_is_soon_seen_on_the_other() {
    const TRIALS: usize = 60;
    let (servers, mut delays) = (Servers::shared(&["postgres", "redis"]), Vec::new());
    let home = sharing(&servers);
    let other = home.another();
    let (here, there) = (home.up().await, other.up().await);
    let ann = here.register("ann").await;
    let path = format!("/users/id/{}", ann.id);
    let reader = there.client().with_token(&ann.token);
    warm(&there, &reader, &path).await;

    for trial in 0..TRIALS {
        for _ in 0..3 {
            name(&reader, &path).await; // so that the other node has it in memory
        }
        let new = format!("Ann {trial}");
        ann.patch("/me/update").json(&json!({ "name": new })).await.expect(200);
        let acknowledged = Instant::now();
        assert_eq!(name(&ann, "/me").await, new, "who changed it sees it at once");
        let seen = eventually("the new name", || async {
            (name(&reader, &path).await == new).then(|| acknowledged.elapsed())
        });
        delays.push(seen.await);
    }

    delays.sort_unstable();
    let (median, p99) = (delays[TRIALS / 2], delays[TRIALS * 99 / 100]);
    println!("a name is seen by the other node after {median:?} (median), {p99:?} (p99)");
    assert!(p99 < LEASE, "by word of the server, not for want of it: {p99:?}");
}

#[tokio::test]
async fn an_account_that_is_deleted_on_one_node_is_soon_gone_on_the_other() {
    let servers = Servers::shared(&["postgres", "redis"]);
    let home = sharing(&servers);
    let other = home.another();
    let (here, there) = (home.up().await, other.up().await);
    let (ann, ben) = (here.register("ann").await, here.register("ben").await);
    let path = format!("/users/id/{}", ann.id);
    let reader = there.client().with_token(&ben.token);
    warm(&there, &reader, &path).await;

    ann.delete("/delete").json(&json!({ "password": PASSWORD })).await.expect(204);

    let deleted = Instant::now();
    eventually("the end of it", || async { (reader.get(&path).await.status == 404).then_some(()) }).await;
    assert!(deleted.elapsed() < 2 * LEASE, "{:?}", deleted.elapsed());
}

/// Reads a name that is a number again and again; answers how often.
async fn watch(client: Client, path: String, done: Arc<AtomicBool>) -> usize {
    let (mut seen, mut reads) = (0, 0);
    while !done.load(Ordering::Acquire) {
        let number = name(&client, &path).await.parse::<u64>().unwrap();
        assert!(number >= seen, "{number} after {seen}");
        (seen, reads) = (number, reads + 1);
    }
    reads
}

#[tokio::test(flavor = "multi_thread")]
async fn while_two_nodes_race_to_change_a_name_no_node_goes_back_to_an_older_one() {
    const CHANGES: usize = 200;
    let servers = Servers::shared(&["postgres", "redis"]);
    let home = sharing(&servers);
    let nodes = [home.up().await, home.another().up().await];
    let ann = nodes[0].register("ann").await;
    ann.patch("/me/update").json(&json!({ "name": "0" })).await.expect(200);
    let (done, path) = (Arc::<AtomicBool>::default(), format!("/users/id/{}", ann.id));
    let mut readers = JoinSet::new();
    for node in nodes.iter().flat_map(|node| [node; 2]) {
        readers.spawn(watch(node.client().with_token(&ann.token), path.clone(), Arc::clone(&done)));
    }

    for number in 1..=CHANGES {
        let client = nodes[number % 2].client().with_token(&ann.token);
        client.patch("/me/update").json(&json!({ "name": number.to_string() })).await.expect(200);
    }
    done.store(true, Ordering::Release);

    for reads in readers.join_all().await {
        assert!(reads > 10, "{reads}");
    }
}

/// A node whose profiles a server shares that nothing else needs, and somebody whose profile lies there.
struct Apart {
    cache: Servers,
    node: Node,
    client: Client,
    path: String,
    _home: Home,
}

impl Apart {
    async fn new() -> Self {
        let cache = Servers::own(&["redis"]);
        let home = Home::new().set("user.cache.adapter", "redis").set("user.cache.url", cache.redis_url());
        let node = home.up().await;
        let ann = node.register("ann").await;
        let (client, path) = (Client::clone(&ann), format!("/users/id/{}", ann.id));
        warm(&node, &client, &path).await;
        Self { cache, node, client, path, _home: home }
    }

    /// Changes and reads the name for some time; answers how long the slowest request took.
    async fn live(&self) -> Duration {
        let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
        for number in 0.. {
            let asked = Instant::now();
            let new = format!("Ann {number}");
            self.client.patch("/me/update").json(&json!({ "name": new })).await.expect(200);
            slowest = slowest.max(asked.elapsed());
            let asked = Instant::now();
            assert_eq!(name(&self.client, &self.path).await, new);
            slowest = slowest.max(asked.elapsed());
            if begun.elapsed() > Duration::from_secs(4) {
                break;
            }
        }
        slowest
    }

    /// What `/readyz` says: its status, and of the server whether it works and whether it is needed.
    async fn readiness(&self) -> (u16, bool, bool) {
        let answer = self.node.operator_client().get("/readyz").await;
        let report = answer.json();
        let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "redis:user").unwrap();
        (answer.status, check["ok"] == true, check["needed"] == true)
    }
}

async fn is_done_without(apart: &Apart, goes: impl FnOnce(), comes: impl FnOnce()) {
    let before = apart.readiness().await;
    goes();
    let slowest = apart.live().await;
    let away = apart.readiness().await;
    let bypassed = outcome(&apart.node, "bypassed").await;
    comes();

    assert_eq!((before, away), ((200, true, false), (200, false, false)));
    assert!(slowest < AT_ONCE && bypassed > 0, "{slowest:?}, {bypassed}");
    let last = name(&apart.client, &apart.path).await;
    warm(&apart.node, &apart.client, &apart.path).await;
    assert_eq!(name(&apart.client, &apart.path).await, last);
    eventually("readiness", || async { (apart.readiness().await == (200, true, false)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_done_without_and_nobody_is_put_off() {
    let apart = Apart::new().await;

    is_done_without(&apart, || apart.cache.kill("redis"), || apart.cache.up("redis")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_is_done_without_and_nobody_waits_for_it() {
    let apart = Apart::new().await;

    is_done_without(&apart, || apart.cache.pause("redis"), || apart.cache.resume("redis")).await;
}

#[tokio::test]
async fn a_node_starts_and_serves_without_the_server() {
    let home = Home::new().set("user.cache.adapter", "redis");
    let home = home.set("user.cache.url", &format!("redis://ann:hunter2@{}", portico_tests::nobody()));

    let node = home.up().await;
    let ann = node.register("ann").await;

    ann.get("/me").await.expect(200);
}
