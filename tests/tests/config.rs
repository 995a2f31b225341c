//! Configuration as an operator meets it: mistakes are all told at once, before anything starts.

use std::fs;

use portico_tests::{Home, PASSWORD};
use serde_json::json;

#[test]
fn every_mistake_is_told_with_file_line_and_key_and_exit_code_78() {
    let home = Home::new().set("session.idle_s", "soon");
    fs::write(
        home.path().join("my.yml"),
        "gateway:\n  listen: here\n  tabel: 1\nuser:\n  password:\n    min_length: 4\n",
    )
    .unwrap();
    // The listeners that the home sets would hide the mistake in the file.
    let exit = home.run(&["config", "check", "--config", "my.yml", "--set", "photo.threads=many"]);

    assert_eq!(exit.code(), Some(78), "{exit:?}");
    for told in [
        "my.yml:3: gateway.tabel",
        "my.yml:6: user.password.min_length",
        "$PORTICO__SESSION__IDLE_S: session.idle_s",
        "command line: photo.threads",
    ] {
        assert!(exit.stderr.contains(told), "`{told}` is missing in {}", exit.stderr);
    }
}

#[test]
fn a_node_with_a_mistake_does_not_start_and_makes_nothing() {
    let home = Home::new().set("gateway.listen", "0.0.0.0:0");

    let exit = home.run(&["up"]);

    assert_eq!(exit.code(), Some(78), "{exit:?}");
    assert!(exit.stderr.contains("gateway.listen"), "{}", exit.stderr);
    assert!(!home.data().exists());
}

#[test]
fn a_file_that_is_not_there_is_a_mistake() {
    let exit = Home::new().run(&["config", "check", "--config", "nowhere.yml"]);

    assert_eq!(exit.code(), Some(78), "{exit:?}");
    assert!(exit.stderr.contains("nowhere.yml"), "{}", exit.stderr);
}

#[test]
fn flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults() {
    let home = Home::new().set("session.idle_s", "200").set("session.absolute_s", "3000");
    fs::write(home.path().join("my.yml"), "session: { idle_s: 100, absolute_s: 1000, cache_max: 10 }\n").unwrap();

    let shown = home.run(&["config", "show", "--config", "my.yml", "--set", "session.absolute_s=30000"]);

    assert_eq!(shown.code(), Some(0), "{shown:?}");
    for line in ["  idle_s: 200", "  absolute_s: 30000", "  cache_max: 10"] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "`{line}` is missing in {}", shown.stdout);
    }
}

#[test]
fn what_is_shown_is_a_configuration() {
    let home = Home::new();
    for arguments in [&["config", "show"][..], &["config", "show", "--default"]] {
        let shown = home.run(arguments);
        fs::write(home.path().join("shown.yml"), &shown.stdout).unwrap();

        let checked = home.run(&["config", "check", "--config", "shown.yml"]);

        assert_eq!(checked.code(), Some(0), "{arguments:?}: {checked:?}");
    }
}

#[test]
fn an_unknown_flag_is_the_callers_mistake() {
    let exit = Home::new().run(&["up", "--nonsense"]);

    assert_eq!(exit.code(), Some(64), "{exit:?}");
}

#[tokio::test]
async fn browsers_are_served_at_the_port_that_the_system_chose_and_at_no_other() {
    let home = Home::new();
    let node = home.up().await;
    let register = async |name: &str, origin: &str| {
        let body = json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
        node.client()
            .post("/reg")
            .header("origin", origin)
            .header("sec-fetch-site", "same-origin")
            .json(&body)
            .await
            .status
    };

    let (own, zero, other) = (
        register("ann", node.gateway()).await,
        register("ben", "http://127.0.0.1:0").await,
        register("cid", "http://127.0.0.1").await,
    );

    assert_eq!((own, zero, other), (201, 403, 403));
}

#[cfg(not(feature = "distributed"))]
#[test]
fn an_adapter_that_the_binary_lacks_is_a_mistake_and_each_is_told() {
    let home = Home::new()
        .set("session.store.adapter", "redis")
        .set("session.store.url", "redis://ann:hunter2@127.0.0.1")
        .set("user.cache.adapter", "redis")
        .set("user.store.adapter", "postgres")
        .set("user.store.url", "postgres://ann:hunter2@127.0.0.1/db")
        .set("photo.store.adapter", "postgres")
        .set("photo.store.url", "postgres://ann:hunter2@127.0.0.1/db")
        .set("photo.content.adapter", "s3")
        .set("photo.content.endpoint", "http://127.0.0.1")
        .set("photo.content.bucket", "portico")
        .set("photo.content.access_key_id", "ann")
        .set("photo.content.secret_access_key", "hunter2")
        .set("bus.broker.adapter", "rabbitmq")
        .set("bus.broker.url", "amqp://ann:hunter2@127.0.0.1/v")
        .set("log.transport.kind", "kafka")
        .set("log.transport.brokers", "127.0.0.1:9092");

    for command in
        [&["config", "check"][..], &["up"], &["migrate"], &["data", "export", "out"], &["data", "import", "out"]]
    {
        let exit = home.run(command);

        assert_eq!(exit.code(), Some(78), "{command:?}: {exit:?}");
        for told in [
            "session.store.adapter: redis is not in this binary",
            "user.cache.adapter: redis",
            "user.store.adapter: postgres",
            "photo.store.adapter: postgres",
            "photo.content.adapter: s3",
            "bus.broker.adapter: rabbitmq",
            "log.transport.kind: kafka",
        ] {
            assert!(exit.stderr.contains(told), "`{told}` is missing in {}", exit.stderr);
        }
        assert!(!exit.stderr.contains("hunter2"), "{}", exit.stderr);
        assert!(!home.data().exists(), "{command:?} makes nothing");
    }
}
