//! The servers that adapters are proven against: each is the real one, keeps what it acknowledged when it is killed, and
//! goes without a trace.

mod clients;
mod traces;

use std::{fs, io::Write as _, process::Command};

use clients::{address, amqp_declare, amqp_get, kafka_create_topic, psql, redis_cli, s3_get, s3_put, trusted};
use portico_tests::{Servers, eventually};
use traces::{Traces, processes};

/// Kills a server, starts it again and looks; has it end, starts it again and looks; pauses it, lets it go on and looks.
fn torment(servers: &Servers, name: &str, look: impl Fn() -> String) -> [String; 3] {
    servers.kill(name);
    assert_eq!(processes(servers, name), [], "of the killed server");
    servers.up(name);
    let after_the_kill = look();

    servers.stop(name);
    assert_eq!(processes(servers, name), [], "of the server that was to end");
    servers.up(name);
    let after_the_end = look();

    servers.pause(name);
    let states = processes(servers, name);
    assert!(!states.is_empty() && states.iter().all(|&(_, state)| state == 'T'), "not stopped: {states:?}");
    servers.resume(name);
    [after_the_kill, after_the_end, look()]
}

#[tokio::test]
async fn postgres_keeps_its_rows_and_leaves_nothing_behind() {
    let servers = Servers::own(&["postgres"]);
    let url = servers.setting("POSTGRES_USER_URL").to_owned();
    psql(&url, "CREATE TABLE kept AS SELECT 7 AS id");

    let seen = torment(&servers, "postgres", || psql(&url, "SELECT id FROM kept"));
    let trusted = trusted(&servers, &address(&url), &["-starttls", "postgres"]);
    let traces = Traces::of(&servers);
    servers.down();

    assert_eq!(seen, ["7"; 3]);
    assert!(trusted);
    traces.gone().await;
}

#[tokio::test]
async fn redis_keeps_its_keys_and_leaves_nothing_behind() {
    let servers = Servers::own(&["redis"]);
    redis_cli(&servers, &["SET", "kept", "7"]);

    let seen = torment(&servers, "redis", || redis_cli(&servers, &["GET", "kept"]));
    let trusted = trusted(&servers, &address(servers.setting("REDIS_TLS_URL")), &[]);
    let traces = Traces::of(&servers);
    servers.down();

    assert_eq!(seen, ["7"; 3]);
    assert!(trusted);
    traces.gone().await;
}

#[tokio::test]
async fn rabbitmq_keeps_its_queues_and_leaves_nothing_behind() {
    let servers = Servers::own(&["rabbitmq"]);
    let unknown = amqp_get(&servers, "kept");
    amqp_declare(&servers, "kept");

    let seen = torment(&servers, "rabbitmq", || amqp_get(&servers, "kept"));
    let trusted = trusted(&servers, &address(servers.setting("RABBITMQ_TLS_URL")), &[]);
    let traces = Traces::of(&servers);
    servers.down();

    assert!(unknown.contains("NOT_FOUND"), "{unknown}");
    assert_eq!(seen, ["empty"; 3]);
    assert!(trusted);
    traces.gone().await;
}

#[tokio::test]
async fn kafka_keeps_its_topics_and_leaves_nothing_behind() {
    const TAKEN: &str = "36"; // TOPIC_ALREADY_EXISTS
    let servers = Servers::own(&["kafka"]);
    let created = kafka_create_topic(servers.kafka(), "kept");

    let seen = torment(&servers, "kafka", || kafka_create_topic(servers.kafka(), "kept"));
    let trusted = trusted(&servers, servers.setting("KAFKA_TLS"), &[]);
    let traces = Traces::of(&servers);
    servers.down();

    assert_eq!(created, "0");
    assert_eq!(seen, [TAKEN; 3]);
    assert!(trusted);
    traces.gone().await;
}

#[tokio::test]
async fn s3_keeps_its_objects_and_leaves_nothing_behind() {
    let servers = Servers::own(&["s3"]);
    s3_put(&servers, "kept", "7");

    let seen = torment(&servers, "s3", || s3_get(&servers, servers.setting("S3_SECRET_KEY"), "kept"));
    let refused = s3_get(&servers, "guessed", "kept");
    let traces = Traces::of(&servers);
    servers.down();

    assert_eq!(seen, ["7"; 3]);
    assert!(refused.contains("SignatureDoesNotMatch"), "{refused}");
    traces.gone().await;
}

#[test]
fn sets_run_side_by_side() {
    let (one, other) = (Servers::own(&["redis"]), Servers::own(&["redis"]));
    redis_cli(&one, &["SET", "mine", "7"]);

    one.kill("redis");
    let seen = redis_cli(&other, &["EXISTS", "mine"]);

    assert_eq!(seen, "0");
}

#[test]
fn those_who_share_a_set_share_its_servers() {
    let (one, other) = (Servers::shared(&["redis"]), Servers::shared(&["redis"]));

    redis_cli(&one, &["SET", "shared-by-those-who-share", "7"]);

    assert_eq!(redis_cli(&other, &["GET", "shared-by-those-who-share"]), "7");
    assert_eq!(one.directory(), other.directory());
}

#[tokio::test]
async fn a_set_ends_with_the_process_that_it_is_for() {
    let mut process = Command::new("sleep").arg("600").spawn().unwrap();
    let home = tempfile::tempdir().unwrap();
    let set = home.path().join("set");
    let script = portico_tests::repository().join("deploy/scripts/servers.sh");
    let up = Command::new(script).args(["up", "redis", "--for", &process.id().to_string(), "--dir"]).arg(&set).output();

    process.kill().unwrap();
    process.wait().unwrap();

    assert!(up.unwrap().status.success());
    eventually("the set's end", async || (!set.exists()).then_some(())).await;
}

#[test]
fn a_server_that_cannot_start_says_why_and_what_to_do() {
    let servers = Servers::own(&["redis"]);
    servers.kill("redis");
    let configuration = servers.directory().join("redis/home/redis.conf");
    let mut configuration = fs::OpenOptions::new().append(true).open(configuration).unwrap();
    configuration.write_all(b"no-such-setting yes\n").unwrap();

    let up = servers.command("up").arg("redis").output().unwrap();

    let said = String::from_utf8(up.stderr).unwrap();
    assert_eq!(up.status.code(), Some(1), "{said}");
    for expected in ["no-such-setting", "what to do", "apt-get install redis-server", "not up: redis"] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
}

#[test]
fn a_name_that_is_no_server_is_refused() {
    let servers = Servers::own(&["redis"]);

    let up = servers.command("kill").arg("mysql").output().unwrap();

    assert_eq!(up.status.code(), Some(64));
    assert_eq!(redis_cli(&servers, &["PING"]), "PONG");
}
