//! What an operator hears when the server cannot be used.

use std::fs;

use portico_tests::{Home, Servers};

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

    for (home, told) in [
        (Home::new().with_sessions_at(&wrong), "session.store.url: the server refuses: WRONGPASS"),
        (in_a_file, "session.store.url: the server refuses: WRONGPASS"),
        (untrusted, "session.store.ca_file: the server is not trusted: InvalidCertificate(UnknownIssuer)"),
        (Home::new().with_sessions_at("localhost"), "session.store.url: must be a URL such as rediss://"),
    ] {
        let exit = home.run(&["up"]);

        assert_eq!(exit.code(), Some(78), "{exit:?}");
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
        assert!(exit.stderr.contains(told), "`{told}` is missing in {}", exit.stderr);
        assert!(!exit.stderr.contains("hunter2"), "{}", exit.stderr);
    }
}

#[test]
fn a_server_that_is_away_is_waited_for_as_long_as_configured() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new()
        .with_sessions_at(&format!("redis://default:hunter2@{nobody}"))
        .set("session.store.retry_at_start_s", "1");

    let exit = home.run(&["up"]);

    assert_eq!(exit.code(), Some(69), "{exit:?}");
    assert!(exit.stderr.contains("session.store.url: the server cannot be reached"), "{}", exit.stderr);
    assert!(!exit.stderr.contains("hunter2"), "{}", exit.stderr);
}

#[test]
fn the_url_is_never_shown() {
    let home = Home::new().set("session.store.url", "redis://ann:hunter2@127.0.0.1");

    let shown = home.run(&["config", "show"]);

    assert_eq!(shown.code(), Some(0), "{shown:?}");
    assert!(!shown.stdout.contains("hunter2") && shown.stdout.contains("(not shown)"), "{}", shown.stdout);
}
