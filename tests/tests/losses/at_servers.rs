//! The same of a node that keeps everything at servers.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use portico_tests::{
    Servers, binary,
    crash::{Findings, Plan, kills},
};

use super::{FIRST_USERS, KILLS, LAST_PHOTOS, OVER_WITHIN, harm_logs, remove};

/// What is told of each kind of loss.
const TOLD: [&str; 9] = [
    "signing in answered 401",                   // an account
    "a live session answered 401",               // a session
    "is lost",                                   // a photo's row, to its owner
    "files .orig are lost",                      // a photo's bytes, in the storage
    "have a wrong count of photos",              // a deletion by half
    "versions of owners",                        // an event
    "photos: unexpected",                        // a row of the journal
    "a record stands twice, or has no sequence", // a log record, repeated
    "log records, and 0 stand",                  // a log record, lost
];

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_loss_at_a_server_is_noticed() {
    let servers = Arc::new(Servers::own(&["postgres", "redis", "s3", "rabbitmq", "kafka"]));
    let plan = Plan {
        binary: binary().to_owned(),
        seed: 6,
        operations_max: 40,
        talks: false,
        servers: Some(Arc::clone(&servers)),
    };
    let findings: Arc<Findings> = Arc::default();

    let run = kills::run_and_harm(
        &plan,
        KILLS,
        async |data| lose_something_of_each_kind(&servers, &data, &findings),
        &findings,
    );
    tokio::time::timeout(2 * OVER_WITHIN, run).await.expect("what is lost is not waited for again and again");

    let told = findings.violations().join("\n");
    for kind in TOLD {
        assert!(told.contains(kind), "{kind} was not told among:\n{told}");
    }
}

/// What crashes must never do, and have not done.
fn lose_something_of_each_kind(servers: &Servers, data: &Path, findings: &Findings) {
    assert_eq!(findings.violations(), [""; 0]);
    change(servers, "USER", FIRST_USERS);
    change(servers, "PHOTO", "UPDATE owners SET version = 0, deleted = false");
    change(servers, "PHOTO", LAST_PHOTOS);
    change_sessions(servers);
    remove(&objects(servers), "orig");
    harm_logs(data);
}

/// Changes rows of the only schema that a node has made.
fn change(servers: &Servers, domain: &str, statement: &str) {
    let url = servers.setting(&format!("POSTGRES_{domain}_URL"));
    let schema = said(Command::new("psql").args([
        url,
        "-qAtXc",
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^s[0-9a-f]{16}$'",
    ]));
    let path = format!("SET search_path TO {}", schema.trim());
    said(Command::new("psql").args([url, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", &path, "-c", statement]));
}

/// Ends every session, and forgets who was deleted.
fn change_sessions(servers: &Servers) {
    said(Command::new("redis-cli").args(["-u", servers.redis_url(), "--no-auth-warning", "FLUSHALL"]));
}

fn objects(servers: &Servers) -> PathBuf {
    servers.directory().join("s3/home/data/portico")
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
