//! A node whose rows a PostgreSQL server keeps: what its users and its operator meet when that is away or is not right.

use std::time::{Duration, Instant};

use portico_tests::{Home, Servers, eventually, nobody, pictures};
use reqwest::StatusCode;

/// How soon everything works again once the server is back.
const RECOVERY: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_server_that_is_killed_is_named_by_readiness_and_heals_with_all_that_was_acknowledged() {
    let servers = Servers::own(&["postgres"]);
    let home = Home::new().over(&servers);
    let node = home.up().await;
    let ann = node.register("ann").await;
    let client = node.client().with_token(&ann.token);
    let photo = client.post("/me/photos").body("image/png", pictures::png()).await.expect(201);

    servers.kill("postgres");
    let refused = node.client().post("/reg").json(&registration("bob")).await;
    let unready = node.operator_client().get("/readyz").await;
    servers.up("postgres");
    let back = Instant::now();
    eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;
    let healed_after = back.elapsed();

    assert!(healed_after < RECOVERY, "{healed_after:?}");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{refused:?}");
    let failed = |name: &str| {
        unready.json()["checks"].as_array().unwrap().iter().any(|check| check["name"] == name && check["ok"] == false)
    };
    assert!(failed("database:user") && failed("database:photo") && !failed("database:session"), "{unready:?}");
    client.get("/me").await.expect(200);
    client.get(photo["content_url"].as_str().unwrap()).await.expect(200);
    node.client().post("/reg").json(&registration("bob")).await.expect(201);
}

fn registration(name: &str) -> serde_json::Value {
    serde_json::json!({"name": name, "email": format!("{name}@example.com"), "password": portico_tests::PASSWORD})
}

#[tokio::test]
async fn a_server_that_is_stopped_hangs_no_request_past_its_deadline() {
    let servers = Servers::own(&["postgres"]);
    let home = Home::new().over(&servers);
    let node = home.up().await;

    servers.pause("postgres");
    let registration = registration("bob");
    let answered = node.client().post("/reg").json(&registration);
    let answered = tokio::time::timeout(Duration::from_secs(30), answered.attempt()).await;
    servers.resume("postgres");

    let status = answered.expect("the deadline holds").expect("it is answered").status;
    assert!([503, 504].contains(&status), "{status}");
    eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;
}

#[test]
fn what_does_not_mend_by_itself_ends_the_node_at_once_with_one_line_that_names_the_key() {
    let servers = Servers::shared(&["postgres"]);
    let url = servers.setting("POSTGRES_USER_URL");
    let (role, server) = url.split_once('@').unwrap();
    let wrong = format!("{}:hunter2@{server}", role.rsplit_once(':').unwrap().0);
    let nowhere = format!("{}/nowhere", url.rsplit_once('/').unwrap().0);

    for (section, url, told) in [
        ("user", &wrong, "user.store.url: the server refuses: password authentication failed"),
        ("photo", &nowhere, "photo.store.url: the server refuses: database \"nowhere\""),
    ] {
        Home::new().over(&servers).set(&format!("{section}.store.url"), url).refuses_to_start(told, "hunter2");
    }
}

#[test]
fn one_schema_serves_one_domain() {
    let servers = Servers::shared(&["postgres"]);
    let url = servers.schema("USER");
    let home = Home::new().over(&servers).set("user.store.url", &url).set("photo.store.url", &url);

    let exit = home.run(&["migrate"]);

    assert_eq!(exit.code(), Some(78), "{exit:?}");
    assert!(exit.stderr.contains("store.url: store is broken: this database holds Portico's"), "{}", exit.stderr);
}

#[test]
fn a_server_that_is_away_is_waited_for_as_long_as_configured() {
    Home::new()
        .set("user.store.adapter", "postgres")
        .set("user.store.url", &format!("postgres://ann:hunter2@{}/db", nobody()))
        .set("user.store.retry_at_start_s", "1")
        .gives_up_waiting("user.store.url: the server cannot be reached", "hunter2");
}

#[tokio::test]
async fn a_node_that_waits_for_a_server_at_its_start_stops_as_soon_as_it_is_told_to() {
    let home = Home::new()
        .set("user.store.adapter", "postgres")
        .set("user.store.url", &format!("postgres://ann:hunter2@{}/db", nobody()))
        .set("user.store.retry_at_start_s", "600")
        .set("log.console", "always");
    let starting = home.start();
    starting.tells("server is away; it is tried again").await;

    let told = Instant::now();
    starting.terminate();
    let exit = starting.ended().await;

    assert_eq!(exit.code(), Some(0), "{exit:?}");
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert!(exit.stderr.contains("user.store.url: the server cannot be reached"), "{}", exit.stderr);
}

#[tokio::test]
async fn a_server_that_acknowledges_what_a_crash_may_lose_is_warned_of_at_the_start() {
    let servers = Servers::shared(&["postgres"]);
    let careless = format!("{}&options[synchronous_commit]=off", servers.schema("USER"));
    let home = Home::new().over(&servers).set("user.store.url", &careless);

    home.run(&["migrate"]);

    let warned = home.run(&["logs", "--level", "warn", "--json"]).stdout;
    assert_eq!(warned.matches("acknowledges what a crash may lose").count(), 1, "of users, not of photos: {warned}");
    assert!(warned.contains("synchronous_commit"), "{warned}");
}

#[test]
fn the_url_is_never_shown() {
    Home::new().set("user.store.url", "postgres://ann:hunter2@127.0.0.1/db").never_shows("hunter2");
}
