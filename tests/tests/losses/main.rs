//! The crash driver would notice a loss: what it holds to be so is made untrue, one thing of each kind.

#[cfg(feature = "distributed")]
mod at_servers;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use portico_tests::{
    binary,
    crash::{Findings, Plan, kills},
};
use sea_orm::sqlx::{
    ConnectOptions as _, Connection as _, Executor as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use serde_json::Value;

/// When it is not over by then, it hangs.
const OVER_WITHIN: Duration = Duration::from_mins(2);
/// Enough for every client to have accounts with sessions and photos.
const KILLS: usize = 4;

/// What is told of each kind of loss.
const TOLD: [&str; 12] = [
    "signing in answered 401",                   // an account
    "a live session answered 401",               // a session
    "does not read back",                        // a photo's bytes, to its owner
    "is lost",                                   // a photo's row, to its owner
    "files .orig are lost",                      // a photo's bytes, on the disk
    "files .thumb belong to nobody",             // a rendition that outlived its photo
    "have a wrong count of photos",              // a deletion by half
    "versions of owners",                        // an event
    "photos: unexpected",                        // a row of the journal
    "a record stands twice, or has no sequence", // a log record, repeated
    "log records, and 0 stand",                  // a log record, lost
    "no whole line",                             // a log record, by half
];

/// What is told as well if an account was deleted.
const TOLD_OF_DELETED: [&str; 2] = ["tombstones of owners: missing", "last epochs: missing"];

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_loss_is_noticed() {
    let findings: Arc<Findings> = Arc::default();
    let plan = Plan { binary: binary().to_owned(), seed: 3, operations_max: 40, talks: false, servers: None };

    let run =
        kills::run_and_harm(&plan, KILLS, async |data| lose_something_of_each_kind(&data, &findings).await, &findings);
    tokio::time::timeout(OVER_WITHIN, run).await.expect("what is lost is not waited for again and again");

    let told = findings.violations().join("\n");
    let deleted = findings.counted("acknowledged: deletion of an account") > 0;
    for kind in TOLD.iter().chain(TOLD_OF_DELETED.iter().filter(|_| deleted)) {
        assert!(told.contains(kind), "{kind} was not told among:\n{told}");
    }
}

/// What crashes must never do, and have not done.
async fn lose_something_of_each_kind(data: &Path, findings: &Findings) {
    assert_eq!(findings.violations(), [""; 0]);
    change(data, "user.db", &[FIRST_USERS]).await;
    change(data, "session.db", &["DELETE FROM sessions", "DELETE FROM epochs WHERE least = 9223372036854775807"]).await;
    change(data, "photo.db", &["UPDATE owners SET version = 0, deleted = 0", LAST_PHOTOS]).await;
    remove(&data.join("content"), "orig");
    let stray = data.join("content/00/01a21250-0000-7000-8000-000000000000");
    fs::create_dir_all(&stray).unwrap();
    fs::write(stray.join("01a21250-0000-7000-8000-000000000001.thumb"), "stray").unwrap();
    harm_logs(data);
}

fn harm_logs(data: &Path) {
    let harmed = files(&data.join("logs"), "jsonl").into_iter().filter(|log| lose_halve_and_repeat(log)).count();
    assert_ne!(harmed, 0, "some file has records enough");
}

fn remove(directory: &Path, extension: &str) {
    for file in files(directory, extension) {
        fs::remove_file(file).unwrap();
    }
}

/// A third of the accounts.
const FIRST_USERS: &str =
    "DELETE FROM users WHERE id IN (SELECT id FROM users ORDER BY id LIMIT (SELECT 1 + count(*) / 3 FROM users))";
/// A third of the photos, of accounts that are there.
const LAST_PHOTOS: &str = "DELETE FROM photos WHERE (owner_id, id) IN (SELECT owner_id, id FROM photos \
     ORDER BY owner_id DESC, id LIMIT (SELECT 1 + count(*) / 3 FROM photos))";

async fn change(data: &Path, database: &str, statements: &[&'static str]) {
    let options = SqliteConnectOptions::new().filename(data.join(database)).foreign_keys(true);
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    for statement in statements {
        connection.execute(*statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let wanted = files.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.chain(directories.iter().flat_map(|directory| self::files(directory, extension))).collect()
}

/// Takes the first record of every run out of a log file and half of the next one, and writes another twice. Whether there are
/// so many.
fn lose_halve_and_repeat(log: &Path) -> bool {
    let text = fs::read_to_string(log).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').filter(|line| !is_first(line)).collect();
    let [next, another, rest @ ..] = lines.as_slice() else { return false };
    let half: String = next.chars().take(next.len() / 2).chain(['\n']).collect();
    fs::write(log, half + &another.repeat(2) + &rest.concat()).unwrap();
    true
}

/// Whether a record is the first of its run.
fn is_first(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|record| record["sequence"] == 1)
}
