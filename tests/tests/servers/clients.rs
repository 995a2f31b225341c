//! One client for each server, small enough to be seen through.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Output, Stdio},
    time::Duration,
};

use portico_tests::Servers;

/// Host and port within a URL.
pub(crate) fn address(url: &str) -> String {
    let after = url.rsplit_once('@').or_else(|| url.split_once("://")).map_or(url, |(_, after)| after);
    after.split('/').next().unwrap().to_owned()
}

/// Whether the server at an address proves by TLS that the set's CA vouches for it, and only that.
pub(crate) fn trusted(servers: &Servers, address: &str, options: &[&str]) -> bool {
    let handshake = |ca: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-connect", address, "-verify_return_error", "-verify_ip", "127.0.0.1"]);
        openssl.args(options).args(ca).stdin(Stdio::null());
        openssl.output().expect("openssl is installed").status.success()
    };
    handshake(&["-CAfile", servers.ca().to_str().unwrap()]) && !handshake(&["-no-CAfile", "-no-CApath"])
}

/// What a statement selects.
pub(crate) fn psql(url: &str, statement: &str) -> String {
    said(Command::new("psql").args([url, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement]))
}

/// What Redis answers.
pub(crate) fn redis_cli(servers: &Servers, command: &[&str]) -> String {
    said(Command::new("redis-cli").args(["-u", servers.redis_url(), "--no-auth-warning"]).args(command))
}

/// Declares a durable queue, and has the broker write it down: it answers before it has, and would forget it if it were killed
/// right then.
pub(crate) fn amqp_declare(servers: &Servers, queue: &str) {
    said(Command::new("amqp-declare-queue").args(["-u", servers.rabbitmq_url(), "-d", "-q", queue]));
    said(servers.command("run").args(["rabbitmq", "rabbitmqctl", "eval", "mnesia:sync_log()."]));
}

/// A message of a queue, `empty`, or the broker's complaint.
pub(crate) fn amqp_get(servers: &Servers, queue: &str) -> String {
    let get = Command::new("amqp-get").args(["-u", servers.rabbitmq_url(), "-q", queue]).output().unwrap();
    match get.status.code() {
        Some(2) => "empty".to_owned(),
        _ => text(&get),
    }
}

/// Asks Kafka for a new topic (`CreateTopics`, version 2) and returns the error code of its answer, 0 for none.
pub(crate) fn kafka_create_topic(address: &str, topic: &str) -> String {
    let string = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let mut request = Vec::new();
    request.extend([0, 19, 0, 2, 0, 0, 0, 1]); // which request, its version, its number
    request.extend(string("test"));
    request.extend([0, 0, 0, 1]); // topics
    request.extend(string(topic));
    request.extend([0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]); // partitions, replicas, assignments, settings
    request.extend(30_000_u32.to_be_bytes());
    request.push(0); // in earnest
    let mut kafka = TcpStream::connect(address).unwrap();
    kafka.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    kafka.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    kafka.write_all(&request).unwrap();

    let mut answer = vec![0; 4 + 4 + 4 + 4 + 2 + topic.len() + 2]; // length, number, throttling, topics, name, error
    kafka.read_exact(&mut answer).unwrap();
    let [.., high, low] = answer[..] else { unreachable!("it is longer") };
    u16::from_be_bytes([high, low]).to_string()
}

/// Stores an object.
pub(crate) fn s3_put(servers: &Servers, key: &str, content: &str) {
    let put = s3(servers, servers.setting("S3_SECRET_KEY"), key)
        .args(["--fail", "-X", "PUT", "--data-binary", content])
        .output();
    assert!(put.as_ref().unwrap().status.success(), "{put:?}");
}

/// An object's content, or the server's complaint.
pub(crate) fn s3_get(servers: &Servers, secret: &str, key: &str) -> String {
    said(&mut s3(servers, secret, key))
}

fn s3(servers: &Servers, secret: &str, key: &str) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--aws-sigv4"]);
    curl.arg(format!("aws:amz:{}:s3", servers.setting("S3_REGION")));
    curl.args(["--user", &format!("{}:{secret}", servers.setting("S3_ACCESS_KEY"))]);
    curl.arg(format!("{}/{}/{key}", servers.s3_url(), servers.setting("S3_BUCKET")));
    curl
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    text(&output)
}

fn text(output: &Output) -> String {
    let bytes = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
