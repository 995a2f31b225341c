//! What names the servers of a node.

use portico_config::{Origin, SessionCache};

use super::world;

#[test]
fn what_carries_log_records_is_named_in_full() {
    let transport = |text: &str| {
        let mistakes = world().file(&format!("log:\n  transport: {{ {text} }}\n")).mistakes();
        mistakes.into_iter().map(|(_, key)| key).collect::<Vec<_>>()
    };

    assert_eq!(transport("kind: kafka"), ["log.transport.brokers"]);
    assert_eq!(transport("topic: a/b, group: \"\""), ["log.transport.topic", "log.transport.group"]);
    assert_eq!(transport("partitions: 0, replication: 0"), ["log.transport.partitions", "log.transport.replication"]);
    assert_eq!(transport("sasl: { user: ann }"), ["log.transport.sasl"]);
    assert_eq!(transport("sasl: { password: secret }"), ["log.transport.sasl"]);
    assert_eq!(transport("sasl: { user: ann, password_file: nowhere }"), ["log.transport.sasl.password_file"]);
    let plain = "tls: { mode: disable }, sasl: { mechanism: plain, user: ann, password: secret }";
    assert_eq!(transport(plain), ["log.transport.sasl.mechanism"]);
    assert_eq!(transport("spool_max_bytes: 1000"), ["log.transport.spool_max_bytes"]);
}

#[test]
fn a_server_for_rows_is_named_once_and_its_files_exist() {
    let postgres = "user:\n  store:\n    adapter: postgres\n    pool_max: 1\n    tls: { ca_file: nowhere.pem }\n";
    let without = world().file(postgres);
    let twice = world().file("photo:\n  store: { adapter: postgres, url: a, url_file: nowhere }\n");

    let (without, twice) = (without.mistakes(), twice.mistakes());

    let keys = |mistakes: &[(Origin, String)]| mistakes.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&without), ["user.store.url", "user.store.tls.ca_file", "user.store.pool_max"]);
    assert_eq!(keys(&twice), ["photo.store.url", "photo.store.url_file"]);
}

#[test]
fn every_place_of_content_is_named_in_full() {
    let content = |text: &str| {
        let mistakes = world().file(&format!("photo:\n  content: {{ {text} }}\n")).mistakes();
        mistakes.into_iter().map(|(_, key)| key.trim_start_matches("photo.content.").to_owned()).collect::<Vec<_>>()
    };
    let s3 = ["endpoint", "bucket", "access_key_id", "secret_access_key"];

    assert_eq!(content("adapter: s3"), s3);
    assert_eq!(content("also: s3"), s3);
    assert_eq!(content("adapter: mega"), ["mega.email", "mega.password"]);
    assert_eq!(content("also: mega, mega: { email: a@b.c }"), ["mega.password"]);
    assert_eq!(content("also: files"), ["also"]);
    assert_eq!(content("mega: { password_file: nowhere }"), ["mega.password_file"]);
    for endpoint in ["http://example.org", "ftp://localhost", "nowhere"] {
        assert_eq!(content(&format!("mega: {{ endpoint: \"{endpoint}\" }}")), ["mega.endpoint"]);
    }
    assert_eq!(content("mega: { folder: a/b }"), ["mega.folder"]);
}

#[test]
fn a_server_for_sessions_is_named_once_and_its_files_exist() {
    let without = world().file("session:\n  store: { adapter: redis, ca_file: nowhere.pem, timeout_ms: 99 }\n");
    let twice = world().file("session:\n  store: { adapter: redis, url: a, url_file: nowhere }\n");

    let (without, twice) = (without.mistakes(), twice.mistakes());

    let keys = |mistakes: &[(Origin, String)]| mistakes.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&without), ["session.store.url", "session.store.ca_file", "session.store.timeout_ms"]);
    assert_eq!(keys(&twice), ["session.store.url", "session.store.url_file"]);
}

#[test]
fn a_session_cache_is_tracked_or_off() {
    let off = world().file("session: { cache: off }\n").load().unwrap();

    assert_eq!(off.session.cache, SessionCache::Off);
    assert_eq!(world().load().unwrap().session.cache, SessionCache::Tracked);
    assert_eq!(world().file("session: { cache: on }\n").mistakes().len(), 1);
}

#[test]
fn a_server_for_events_is_named_once_and_the_names_on_it_are_plain() {
    let without = world().file("bus: { broker: { adapter: rabbitmq, prefix: 'a b' } }\n");
    let twice =
        world().file("bus: { broker: { adapter: rabbitmq, url: a, url_file: nowhere, prefix: amq.portico } }\n");

    let (without, twice) = (without.mistakes(), twice.mistakes());

    let keys = |mistakes: &[(Origin, String)]| mistakes.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&without), ["bus.broker.url", "bus.broker.prefix"]);
    assert_eq!(keys(&twice), ["bus.broker.url", "bus.broker.url_file", "bus.broker.prefix"]);
}
