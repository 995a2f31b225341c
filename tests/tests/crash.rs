//! Nothing acknowledged is lost, however the node or its actors crash. The short version of `./just crash`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use portico_tests::{
    binary,
    crash::{Findings, Plan, Table, kills, panics},
};
use sea_orm::sqlx::{
    ConnectOptions as _, Connection as _, Executor as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

fn plan(seed: u64) -> Plan {
    Plan { binary: binary().to_owned(), seed, operations_max: 40, talks: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_under_mixed_load_lose_nothing_that_was_acknowledged() {
    let findings: Arc<Findings> = Arc::default();

    kills::run(&plan(1), 20, &findings).await;

    println!("{}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    assert!(findings.total("acknowledged: ") > 100, "{:?}", findings.counts());
    assert!(findings.counted("operations without an answer, settled") > 0, "no kill met an operation under way");
    assert!(findings.counted("log: records that were accepted before a kill") > 0, "no log was looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_crashed_actors_lose_nothing_and_leave_no_call_unanswered() {
    let findings: Arc<Findings> = Arc::default();

    panics::run(&plan(2), 200, &findings).await;

    println!("{}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    assert!(findings.counted("problem: 500 internal") > 0, "no call was crashed");
    assert!(findings.counted("operations without an answer, settled") > 0, "no crash met an operation under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_loss_is_noticed() {
    let findings: Arc<Findings> = Arc::default();

    kills::run_and(&plan(3), 4, lose_something_of_each_kind, &findings).await;

    let told = findings.violations().join("\n");
    for kind in [
        "signing in answered 401",                   // an account
        "a live session answered 401",               // a session
        "does not read back",                        // a photo, to its owner
        "files .orig are lost",                      // a photo, on the disk
        "files .thumb belong to nobody",             // a rendition that outlived its photo
        "versions of owners",                        // an event
        "a record stands twice, or has no sequence", // a log record, repeated
        "log records, and 0 stand",                  // a log record, lost
    ] {
        assert!(told.contains(kind), "{kind} was not noticed among:\n{told}");
    }
}

/// What crashes must never do.
async fn lose_something_of_each_kind(data: PathBuf) {
    let mut user = open(&data, "user.db").await;
    user.execute("DELETE FROM users WHERE id IN (SELECT id FROM users ORDER BY id LIMIT 1)").await.unwrap();
    user.close().await.unwrap();
    let mut session = open(&data, "session.db").await;
    session.execute(SOMEBODYS_SESSIONS).await.unwrap();
    session.close().await.unwrap();
    let mut photo = open(&data, "photo.db").await;
    photo.execute("UPDATE owners SET version = 0 WHERE NOT deleted").await.unwrap();
    photo.close().await.unwrap();
    for original in files(&data.join("content"), "orig") {
        fs::remove_file(original).unwrap();
    }
    let stray = data.join("content/00/01a21250-0000-7000-8000-000000000000");
    fs::create_dir_all(&stray).unwrap();
    fs::write(stray.join("01a21250-0000-7000-8000-000000000001.thumb"), "stray").unwrap();
    for log in files(&data.join("logs"), "jsonl") {
        lose_and_repeat(&log);
    }
}

/// Of somebody with many sessions, one of which lives in some journal.
const SOMEBODYS_SESSIONS: &str = "DELETE FROM sessions WHERE user_id IN \
                                  (SELECT user_id FROM sessions GROUP BY user_id ORDER BY count(*) DESC LIMIT 3)";

async fn open(data: &Path, name: &str) -> SqliteConnection {
    SqliteConnectOptions::new().filename(data.join(name)).foreign_keys(true).connect().await.unwrap()
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let wanted = files.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.chain(directories.iter().flat_map(|directory| self::files(directory, extension))).collect()
}

/// Takes the first record out of a log file, and writes the last one twice.
fn lose_and_repeat(log: &Path) {
    let text = fs::read_to_string(log).unwrap();
    let whole: Vec<_> = text.split_inclusive('\n').skip(1).filter(|line| line.ends_with('\n')).collect();
    let last = whole.last().copied().unwrap_or_default();
    fs::write(log, whole.concat() + last).unwrap();
}
