//! What an operator hears when the server cannot be used.

use std::fs;

use portico_tests::{Home, Servers, nobody};

#[test]
fn what_does_not_mend_by_itself_ends_the_node_at_once_with_one_line_that_names_the_key() {
    let servers = Servers::shared(&["redis"]);
    let (_, server) = servers.redis_url().split_once('@').unwrap();
    let wrong = format!("redis://default:hunter2@{server}");
    let in_a_file = Home::new();
    let file = in_a_file.path().join("url");
    fs::write(&file, format!("{wrong}\n")).unwrap();
    let in_a_file =
        in_a_file.set("session.store.adapter", "redis").set("session.store.url_file", file.to_str().unwrap());
    let untrusted = Home::new().with_sessions_at(servers.redis_tls_url());
    let cache = Home::new().set("user.cache.adapter", "redis").set("user.cache.url", &wrong);

    for (home, told) in [
        (Home::new().with_sessions_at(&wrong), "session.store.url: the server refuses: WRONGPASS"),
        (in_a_file, "session.store.url: the server refuses: WRONGPASS"),
        (untrusted, "session.store.ca_file: the server is not trusted: InvalidCertificate(UnknownIssuer)"),
        (Home::new().with_sessions_at("localhost"), "session.store.url: must be a URL such as rediss://"),
        (cache, "user.cache.url: the server refuses: WRONGPASS"),
    ] {
        home.refuses_to_start(told, "hunter2");
    }
}

#[test]
fn a_server_that_is_away_is_waited_for_as_long_as_configured() {
    Home::new()
        .with_sessions_at(&format!("redis://default:hunter2@{}", nobody()))
        .set("session.store.retry_at_start_s", "1")
        .gives_up_waiting("session.store.url: the server cannot be reached", "hunter2");
}

#[test]
fn profiles_are_shared_on_the_server_of_sessions_or_on_one_that_is_named() {
    let shared = Home::new().set("user.cache.adapter", "redis");

    let nowhere = shared.run(&["config", "check"]);
    let beside = shared.with_sessions_at("redis://default:hunter2@127.0.0.1").run(&["config", "check"]);

    assert_eq!((nowhere.code(), beside.code()), (Some(78), Some(0)), "{nowhere:?} {beside:?}");
    assert!(nowhere.stderr.contains("user.cache.url: is needed for redis"), "{}", nowhere.stderr);
}

#[test]
fn profiles_are_shared_on_the_server_of_sessions_though_another_node_hosts_those() {
    let servers = Servers::shared(&["redis"]);
    let (_, server) = servers.redis_url().split_once('@').unwrap();
    let elsewhere = format!("[{}]", nobody());

    Home::new()
        .with_sessions_at(&format!("redis://default:hunter2@{server}"))
        .set("user.cache.adapter", "redis")
        .set("node.roles", "[user]")
        .set("node.listen", &nobody().to_string())
        .set("node.peers.session", &elsewhere)
        .set("node.peers.photo", &elsewhere)
        .set("node.plaintext", "true")
        .refuses_to_start("session.store.url: the server refuses: WRONGPASS", "hunter2");
}

#[test]
fn the_url_is_never_shown() {
    Home::new().set("session.store.url", "redis://ann:hunter2@127.0.0.1").never_shows("hunter2");
    Home::new().set("user.cache.url", "redis://ann:hunter2@127.0.0.1").never_shows("hunter2");
}
