//! A node whose events go over a RabbitMQ server: what its users and its operator meet while that is away or is not right.

use std::{
    env,
    path::PathBuf,
    time::{Duration, Instant},
};

use portico_tests::{Account, Home, Node, PASSWORD, Servers, eventually, nobody, pictures};
use serde_json::json;

/// How long the server is away under load, in seconds, where it should be longer than a test can wait: 600.
const OUTAGE: &str = "PORTICO_TEST_OUTAGE_S";
/// How long otherwise.
const OUTAGE_S: u64 = 3;

async fn delete(account: &Account) {
    account.delete("/delete").json(&json!({"password": PASSWORD})).await.expect(204);
}

/// Waits until every file of a picture is gone: photo has heard that its owner is.
async fn pictures_are_gone(home: &Home) {
    let is_picture = |path: &PathBuf| std::fs::read(path).is_ok_and(|bytes| image::guess_format(&bytes).is_ok());
    eventually("the pictures to go", || async { (!home.files().iter().any(is_picture)).then_some(()) }).await;
}

/// How many events wait in the outbox.
async fn depth(node: &Node) -> u64 {
    metric(node, "portico_outbox_depth").await
}

/// For how many seconds the oldest of them has.
async fn age_s(node: &Node) -> u64 {
    metric(node, "portico_outbox_age_s").await
}

async fn metric(node: &Node, name: &str) -> u64 {
    let metrics = node.operator_client().get("/metrics").await;
    let text = String::from_utf8(metrics.bytes).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect("the outbox is observed").parse().unwrap()
}

async fn outbox_is_empty(node: &Node) {
    eventually("the outbox to be empty", || async { (depth(node).await == 0).then_some(()) }).await;
}

/// What `/readyz` says of the server: the status of all, and whether it works.
async fn readiness(node: &Node) -> (u16, bool) {
    let answer = node.operator_client().get("/readyz").await;
    let report = answer.json();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "rabbitmq");
    (answer.status, check.expect("it is named")["ok"] == true)
}

#[tokio::test]
async fn what_happens_to_a_user_reaches_photo_over_the_server() {
    let servers = Servers::shared(&["postgres", "rabbitmq"]);
    let home = Home::new().over(&servers).over_rabbitmq(&servers);
    let node = home.up().await;
    let ann = node.register("ann").await;
    ann.upload(pictures::png()).await;

    delete(&ann).await;

    pictures_are_gone(&home).await;
    outbox_is_empty(&node).await;
    assert_eq!(readiness(&node).await, (200, true));
    assert_eq!(node.stop().await.code(), Some(0));
}

/// Registers accounts, each with a photo, and deletes every other one; answers how many it made.
async fn load(node: &Node, worker: usize, until: Instant) -> u64 {
    let mut accounts = 0;
    while Instant::now() < until {
        let account = node.register(&format!("user{worker}.{accounts}")).await;
        account.upload(pictures::png()).await; // photo has not heard of its owner
        if accounts % 2 == 0 {
            delete(&account).await;
        }
        accounts += 1;
    }
    accounts
}

/// Waits until something is so, and answers how long that took.
///
/// # Panics
/// When `patience` was not enough.
async fn within(patience: Duration, is_so: impl AsyncFn() -> bool) -> Duration {
    const PAUSE: Duration = Duration::from_millis(100);
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < patience, "it did not come in {patience:?}");
        tokio::time::sleep(PAUSE).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_delays_events_and_refuses_nobody() {
    let servers = Servers::own(&["postgres", "rabbitmq"]);
    let home = Home::new().over(&servers).over_rabbitmq(&servers);
    let node = home.up().await;
    let ann = node.register("ann").await;
    let photo = ann.upload(pictures::png()).await;
    outbox_is_empty(&node).await;
    let outage = env::var(OUTAGE).map_or(OUTAGE_S, |seconds| seconds.parse().expect("seconds"));

    tokio::task::block_in_place(|| servers.kill("rabbitmq"));
    let until = Instant::now() + Duration::from_secs(outage);
    let (one, other) = tokio::join!(load(&node, 1, until), load(&node, 2, until));
    delete(&ann).await;
    let (waiting, oldest_s, away) = (depth(&node).await, age_s(&node).await, readiness(&node).await);
    let kept = home.files();
    let content = |path: &&PathBuf| path.to_string_lossy().contains(photo["id"].as_str().unwrap());
    let hers: Vec<_> = kept.iter().filter(content).collect();
    tokio::task::block_in_place(|| servers.up("rabbitmq"));
    let patience = Duration::from_secs(30 + outage); // as much may take as long as it took to come
    let drained = within(patience, async || depth(&node).await == 0).await;
    let applied = within(patience, async || !hers.iter().any(|path| path.exists())).await;

    let accounts = one + other;
    println!("away for {outage} s: {accounts} accounts, {waiting} events; none waited {drained:?} after its return");
    println!("photo had applied all of them after another {applied:?}");
    assert_eq!(away, (200, false), "requests need it not");
    // Each account was registered, and every other one deleted; so was hers.
    assert_eq!(waiting, one + one.div_ceil(2) + other + other.div_ceil(2) + 1);
    assert!((outage - 1..outage + 60).contains(&oldest_s), "{oldest_s}");
    assert_eq!(age_s(&node).await, 0, "nothing waits any more");
    assert!(!hers.is_empty(), "nobody has told photo that she is gone");
    eventually("readiness", || async { (readiness(&node).await == (200, true)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_node_that_was_killed_before_it_was_published_arrives_all_the_same() {
    let servers = Servers::own(&["postgres", "rabbitmq"]);
    let home = Home::new().over(&servers).over_rabbitmq(&servers);
    let node = home.up().await;
    let ann = node.register("ann").await;
    ann.upload(pictures::png()).await;
    outbox_is_empty(&node).await;

    tokio::task::block_in_place(|| servers.pause("rabbitmq"));
    delete(&ann).await;
    node.kill();
    tokio::task::block_in_place(|| servers.resume("rabbitmq"));
    let node = home.up().await;

    assert_eq!(node.client().with_token(&ann.token).get("/me").await.problem().1, "session_dead");
    pictures_are_gone(&home).await;
    outbox_is_empty(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_photo_cannot_apply_for_now_leaves_the_outbox_and_is_applied_later() {
    let servers = Servers::own(&["postgres", "rabbitmq"]);
    let home = Home::new().over(&servers).over_rabbitmq(&servers).set("user.store.adapter", "sqlite");
    let node = home.up().await;
    let ann = node.register("ann").await;
    ann.upload(pictures::png()).await;
    outbox_is_empty(&node).await;

    tokio::task::block_in_place(|| servers.kill("postgres")); // photo's rows
    delete(&ann).await;
    outbox_is_empty(&node).await;
    let failed = || home.run(&["logs", "--json"]).stdout.contains("events not received");
    eventually("photo to fail", || async { failed().then_some(()) }).await;
    tokio::task::block_in_place(|| servers.up("postgres"));

    pictures_are_gone(&home).await;
}

#[tokio::test]
async fn of_two_nodes_over_one_database_one_carries_the_events_and_the_other_does_when_it_was_killed() {
    let servers = Servers::shared(&["postgres", "rabbitmq"]);
    let shared = [
        ("user.store.url", servers.schema("USER")),
        ("photo.store.url", servers.schema("PHOTO")),
        ("bus.broker.prefix", format!("t{:016x}", fastrand::u64(..))),
    ];
    let home = || {
        let home = Home::new().over(&servers).over_rabbitmq(&servers);
        shared.iter().fold(home, |home, (key, value)| home.set(key, value))
    };
    let (here, there) = (home(), home());
    let (first, second) = (here.up().await, there.up().await);
    first.register("ann").await;
    outbox_is_empty(&second).await;
    let one_of_two = [carries(&here), carries(&there)];

    first.kill();
    second.register("ben").await;
    outbox_is_empty(&second).await;

    assert_eq!(one_of_two, [true, false]);
    eventually("the log to tell of it", || async { carries(&there).then_some(()) }).await;
}

/// Whether a node has ever carried events.
fn carries(home: &Home) -> bool {
    home.run(&["logs", "--json"]).stdout.contains("this node carries the events now")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_in_order_while_the_server_hangs() {
    let servers = Servers::own(&["rabbitmq"]);
    let home = Home::new().over_rabbitmq(&servers);
    let node = home.up().await;

    tokio::task::block_in_place(|| servers.pause("rabbitmq"));
    node.register("ann").await;
    let exit = node.stop().await;
    tokio::task::block_in_place(|| servers.resume("rabbitmq"));

    assert_eq!(exit.code(), Some(0), "{exit:?}");
    outbox_is_empty(&home.up().await).await;
}

#[test]
fn what_does_not_mend_by_itself_ends_the_node_at_once_with_one_line_that_names_the_key() {
    let servers = Servers::shared(&["rabbitmq"]);
    let url = servers.rabbitmq_url();
    let (user, server) = url.split_once('@').unwrap();
    let wrong = format!("{}:hunter2@{server}", user.rsplit_once(':').unwrap().0);
    let nowhere = format!("{}/nowhere", url.rsplit_once('/').unwrap().0);

    for (url, told) in [
        (wrong.as_str(), "bus.broker.url: the server refuses: ACCESS_REFUSED"),
        (&nowhere, "bus.broker.url: the server refuses: NOT_ALLOWED"),
        (servers.setting("RABBITMQ_TLS_URL"), "bus.broker.tls: the server is not trusted"),
    ] {
        Home::new().over_rabbitmq(&servers).set("bus.broker.url", url).refuses_to_start(told, "hunter2");
    }
}

#[test]
fn a_server_that_is_away_is_waited_for_as_long_as_configured() {
    Home::new()
        .set("bus.broker.adapter", "rabbitmq")
        .set("bus.broker.url", &format!("amqp://ann:hunter2@{}/v", nobody()))
        .set("bus.broker.retry_at_start_s", "1")
        .gives_up_waiting("bus.broker.url: the server cannot be reached", "hunter2");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_server_hears_no_word_before_it_is_trusted_and_the_log_never_hears_the_password() {
    let servers = Servers::shared(&["rabbitmq"]);
    let url = servers.setting("RABBITMQ_TLS_URL");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{url}\n")).unwrap();
    let password = url.split_once('@').unwrap().0.rsplit_once(':').unwrap().1;
    let home = Home::new().set("bus.broker.adapter", "rabbitmq").set("log.level", "trace");
    let home = home.set("bus.broker.prefix", &format!("t{:016x}", fastrand::u64(..)));
    let home = home.set("bus.broker.url_file", file.path().to_str().unwrap());
    let home = home.set("bus.broker.tls.ca_file", servers.ca().to_str().unwrap());
    let node = home.up().await;
    let ann = node.register("ann").await;
    ann.upload(pictures::png()).await;

    delete(&ann).await;
    pictures_are_gone(&home).await;
    let exit = node.stop().await;

    let holds = |bytes: &[u8]| bytes.windows(password.len()).any(|window| window == password.as_bytes());
    let holding: Vec<_> = home.files().into_iter().filter(|path| holds(&std::fs::read(path).unwrap())).collect();
    assert_eq!(holding, Vec::<PathBuf>::new());
    assert!(!holds(exit.stdout.as_bytes()) && !holds(exit.stderr.as_bytes()));
    let shown = home.run(&["config", "show"]);
    assert!(!holds(shown.stdout.as_bytes()), "{}", shown.stdout);
}
