//! A node whose rows a PostgreSQL server keeps: what its users and its operator meet when that is away or is not right.

use std::time::Duration;

use portico_tests::{Home, Servers, eventually, pictures};
use reqwest::StatusCode;

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
    eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;

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
    let wrong = format!("{}:wrong@{server}", role.rsplit_once(':').unwrap().0);
    let nowhere = format!("{}/nowhere", url.rsplit_once('/').unwrap().0);
    let home = || Home::new().over(&servers);

    for (home, told) in [
        (home().set("user.store.url", &wrong), "user.store.url: the server refuses: password authentication failed"),
        (home().set("photo.store.url", &nowhere), "photo.store.url: the server refuses: database \"nowhere\""),
    ] {
        let exit = home.run(&["up"]);

        assert_eq!(exit.code(), Some(78), "{exit:?}");
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
        assert!(exit.stderr.contains(told), "`{told}` is missing in {}", exit.stderr);
        assert!(!exit.stderr.contains("wrong@"), "{}", exit.stderr);
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
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new()
        .set("user.store.adapter", "postgres")
        .set("user.store.url", &format!("postgres://ann:secret@{nobody}/db"))
        .set("user.store.retry_at_start_s", "1");

    let exit = home.run(&["up"]);

    assert_eq!(exit.code(), Some(69), "{exit:?}");
    assert!(exit.stderr.contains("user.store.url: the server cannot be reached"), "{}", exit.stderr);
    assert!(!exit.stderr.contains("secret"), "{}", exit.stderr);
}

#[test]
fn the_url_is_never_shown() {
    let home = Home::new().set("user.store.url", "postgres://ann:hunter2@127.0.0.1/db");

    let shown = home.run(&["config", "show"]);

    assert_eq!(shown.code(), Some(0), "{shown:?}");
    assert!(!shown.stdout.contains("hunter2") && shown.stdout.contains("(not shown)"), "{}", shown.stdout);
}
