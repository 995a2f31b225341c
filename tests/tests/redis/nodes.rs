//! Two nodes over one Redis and one PostgreSQL: what one ends, the other refuses.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use portico_tests::{Account, Client, Home, Node, PASSWORD, Proxy, Servers, eventually};
use serde_json::{Value, json};

/// How long a session that was ended elsewhere may be accepted at the most, by the contract of the cache.
const LEASE: Duration = Duration::from_secs(1);
/// How often a session is ended on one node and looked for on the other.
const TRIALS: usize = 200;

fn servers() -> Servers {
    Servers::shared(&["postgres", "redis"])
}

/// Hashes that cost little, for those who sign in often.
fn home(servers: &Servers) -> Home {
    Home::new().over(servers).set("user.password.argon2.memory_kib", "64")
}

/// Somebody's further session: who asks with it, and its id.
async fn sign_in(node: &Node, ann: &Account) -> (String, String) {
    let credentials = json!({ "email": ann.email, "password": PASSWORD });
    let signed_in = node.client().post("/auth?transport=bearer").json(&credentials).await.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&signed_in["token"]), text(&signed_in["session"]["id"]))
}

/// Has a node keep a session in memory.
async fn warm(client: &Client) {
    for _ in 0..3 {
        client.get("/session/verify").await.expect(204);
    }
}

/// How long `client` is accepted still.
async fn accepted_for(client: &Client, ended: Instant) -> Duration {
    eventually("a refusal", || async {
        match client.get("/session/verify").await.status {
            401 => Some(ended.elapsed()),
            204 => None,
            status => panic!("{status}"),
        }
    })
    .await
}

#[tokio::test]
async fn a_session_that_one_node_ends_is_refused_by_the_other() {
    let (servers, mut delays) = (servers(), Vec::new());
    let home = home(&servers);
    let other = home.another();
    let (here, there) = (home.up().await, other.up().await);
    let ann = here.register("ann").await;

    for _ in 0..TRIALS {
        let (token, id) = sign_in(&here, &ann).await;
        let client = there.client().with_token(&token);
        warm(&client).await;
        ann.delete(&format!("/me/sessions/{id}")).await.expect(204);
        delays.push(accepted_for(&client, Instant::now()).await);
    }

    delays.sort_unstable();
    let (median, p99) = (delays[TRIALS / 2], delays[TRIALS * 99 / 100]);
    println!(
        "a session is refused by the other node after {median:?} (median), {p99:?} (p99), {:?} at the most",
        delays[TRIALS - 1]
    );
    assert!(p99 < LEASE, "by word of the server, not for want of it: {p99:?}");
}

#[tokio::test]
async fn a_password_that_is_changed_on_one_node_ends_the_sessions_of_the_other() {
    let servers = servers();
    let home = home(&servers);
    let other = home.another();
    let (here, there) = (home.up().await, other.up().await);
    let ann = here.register("ann").await;
    let (token, _) = sign_in(&there, &ann).await;
    let client = there.client().with_token(&token);
    warm(&client).await;

    let change = json!({ "current_password": PASSWORD, "new_password": "marble compass lantern" });
    ann.patch("/me/update").json(&change).await.expect(200);

    accepted_for(&client, Instant::now()).await;
    let late = there.client().post("/auth").json(&json!({ "email": ann.email, "password": PASSWORD })).await;
    assert_eq!(late.status, 401);
}

#[tokio::test]
async fn without_the_cache_a_session_that_was_ended_is_refused_from_the_next_request_on() {
    let servers = servers();
    let home = home(&servers);
    let other = home.another().set("session.cache", "off");
    let (here, there) = (home.up().await, other.up().await);
    let ann = here.register("ann").await;

    for _ in 0..20 {
        let (token, id) = sign_in(&here, &ann).await;
        let client = there.client().with_token(&token);
        warm(&client).await;
        ann.delete(&format!("/me/sessions/{id}")).await.expect(204);
        assert_eq!(client.get("/session/verify").await.status, 401);
    }
}

/// Two nodes, one of which reaches Redis by a way that can be blocked, and a session that this one has in memory.
struct Apart {
    ann: Account,
    way: Proxy,
    client: Client,
    id: String,
    _nodes: (Node, Node),
    _homes: (Home, Home),
}

impl Apart {
    async fn new(servers: &Servers) -> Self {
        let home = home(servers);
        let (credentials, server) = servers.redis_url().rsplit_once('@').unwrap();
        let way = Proxy::to(server.parse::<SocketAddr>().unwrap()).await;
        let other = home.another().with_sessions_at(&format!("{credentials}@{}", way.address()));
        let (here, there) = (home.up().await, other.up().await);
        let ann = here.register("ann").await;
        let (token, id) = sign_in(&here, &ann).await;
        let client = there.client().with_token(&token);
        warm(&client).await;
        Self { ann, way, client, id, _nodes: (here, there), _homes: (home, other) }
    }

    async fn end(&self) {
        self.ann.delete(&format!("/me/sessions/{}", self.id)).await.expect(204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hears_nothing_more_of_the_server_trusts_its_memory_for_a_lease_and_no_longer() {
    let servers = servers();
    let apart = Apart::new(&servers).await;

    apart.way.block();
    let blocked = Instant::now();
    apart.end().await;
    let mut accepted = Vec::new();
    while blocked.elapsed() < 3 * LEASE {
        let asked = blocked.elapsed();
        if apart.client.get("/session/verify").await.status == 204 {
            accepted.push(asked);
        }
    }
    apart.way.unblock();

    assert!(accepted.iter().all(|asked| *asked < LEASE), "{accepted:?}");
    eventually("a refusal", || async { (apart.client.get("/session/verify").await.status == 401).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_connection_was_lost_forgets_what_it_read_before() {
    let servers = servers();
    let apart = Apart::new(&servers).await;

    apart.way.block();
    apart.way.cut(); // nobody tells this node of what comes now
    apart.end().await;
    apart.way.unblock();

    let first = eventually("an answer of the server", || async {
        let status = apart.client.get("/session/verify").await.status;
        (status != 503).then_some(status)
    });
    assert_eq!(first.await, 401);
}
