//! A disk that fills, one that refuses writes, and one that fails to keep what it was given: requests are turned away and
//! the node is not ready, nothing acknowledged is lost or comes back, and it heals by itself.

mod kept;

use std::collections::BTreeSet;

use portico_tests::{Home, Node, SmallDisk, eventually};
use serde_json::Value;

use self::kept::{ENDS, Kept, SPARE};

/// Room for a node and some megabytes of what it is asked to keep.
const DISK_BYTES: u64 = 24 * 1024 * 1024;
/// The most requests until each kind must have met the full disk: a write-ahead log has room of its own.
const REQUESTS_MAX: u32 = 400;

/// The checks of `/readyz` that fail, by name.
async fn failing(node: &Node) -> BTreeSet<String> {
    let report = node.operator_client().get("/readyz").await.json();
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    checks.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

/// The sequences of all log records of a data directory, in order.
fn sequences(disk: &SmallDisk) -> Vec<u64> {
    let files = std::fs::read_dir(disk.path().join("logs")).unwrap().map(|entry| entry.unwrap().path());
    let plain = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let lines: String = plain.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut found: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("each line is whole")["sequence"].as_u64().unwrap())
        .collect();
    found.sort_unstable();
    found
}

/// Asks for something new of each kind until each was refused.
async fn add_until_all_is_refused(node: &Node, kept: &mut Kept) {
    for number in 1..REQUESTS_MAX {
        kept.register(node, number).await;
        kept.sign_in(node).await;
        kept.upload(node).await;
        if kept.refusals.len() == 3 {
            return;
        }
    }
    panic!("not each kind was refused: {:?}", kept.refusals);
}

/// Asks for what takes something away, again and again, but for the last of each kind, which is left alone.
async fn end_all_but_one_of_each(node: &Node, kept: &mut Kept) {
    for _ in 1..SPARE {
        kept.end_one_of_each(node).await;
    }
}

/// Whatever was refused was refused so.
fn refused(kept: &Kept, status: u16, code: &str) {
    let so = BTreeSet::from([(status, code.to_owned())]);
    assert!(kept.refusals.values().all(|refusals| *refusals == so), "{:?}", kept.refusals);
}

/// Waits until `/readyz` names every store, and the log has met the trouble too.
async fn trouble_is_told(node: &Node) {
    let everything = ["content:photo", "database:photo", "database:session", "database:user", "files:log"];
    let everything = BTreeSet::from(everything.map(str::to_owned));
    eventually("every store to be named", async || (failing(node).await == everything).then_some(())).await;
    eventually("the log to fail", async || {
        node.client().get("/no/such/path").await; // a record for it to write
        (metric(node, "portico_log_failures_total").await > 0).then_some(())
    })
    .await;
}

/// The node takes everything again without a restart, its log catches up, and a restart finds all of it.
async fn heals(home: &Home, disk: &SmallDisk, node: Node, mut kept: Kept) {
    eventually("readiness", async || failing(&node).await.is_empty().then_some(())).await;
    let (tokens, photos) = (kept.tokens.len(), kept.photos.len());
    kept.end_what_was_refused(&node.client()).await;
    kept.register(&node, REQUESTS_MAX).await;
    kept.sign_in(&node).await;
    kept.upload(&node).await;
    assert_eq!(
        (kept.tokens.len(), kept.photos.len()),
        (tokens + 2, photos + 1),
        "it takes everything: {:?}",
        kept.refusals
    );
    kept.check(&node.client()).await;
    assert!(node.stop().await.status.success());
    let found = sequences(disk);
    assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "each record stands once");
    kept.check(&disk.up(home).await.client()).await;
}

async fn metric(node: &Node, name: &str) -> u64 {
    let text = node.operator_client().get("/metrics").await.bytes;
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_default()
}

async fn begin() -> (Home, SmallDisk, Node, Kept) {
    let home = Home::new().set("user.password.argon2.memory_kib", "8").set("user.password.argon2.iterations", "1");
    let disk = SmallDisk::mount(&home, DISK_BYTES);
    let node = disk.up(&home).await;
    let kept = Kept::begin(&node).await;
    // Every service has begun its log file, so that trouble meets files that are open.
    eventually("the log to be written", async || (metric(&node, "portico_log_waiting").await == 0).then_some(())).await;
    (home, disk, node, kept)
}

#[tokio::test]
async fn a_disk_that_fills_refuses_what_it_cannot_keep_and_heals_when_it_is_freed() {
    let (home, disk, node, mut kept) = begin().await;

    disk.fill();
    add_until_all_is_refused(&node, &mut kept).await;
    end_all_but_one_of_each(&node, &mut kept).await; // what takes no room may be granted
    trouble_is_told(&node).await;
    kept.check(&node.client()).await; // what can be read is served all the while
    disk.free();

    refused(&kept, 507, "storage_full");
    heals(&home, &disk, node, kept).await;
}

#[tokio::test]
async fn a_file_system_that_refuses_writes_makes_them_unavailable_and_heals_when_it_takes_them_again() {
    let (home, disk, node, mut kept) = begin().await;

    let refusal = disk.refuse_writes(&node);
    add_until_all_is_refused(&node, &mut kept).await;
    end_all_but_one_of_each(&node, &mut kept).await;
    trouble_is_told(&node).await;
    kept.check(&node.client()).await;
    disk.allow_writes(refusal);

    assert!(ENDS.iter().all(|end| kept.refusals.contains_key(end)), "{:?}", kept.refusals);
    refused(&kept, 503, "unavailable");
    heals(&home, &disk, node, kept).await;
}

#[tokio::test]
async fn a_disk_that_fails_to_sync_acknowledges_nothing_and_heals_when_it_syncs_again() {
    let (home, disk, node, mut kept) = begin().await;

    let refusal = disk.refuse_syncs(&node);
    add_until_all_is_refused(&node, &mut kept).await;
    end_all_but_one_of_each(&node, &mut kept).await;
    trouble_is_told(&node).await;
    kept.check(&node.client()).await;
    drop(refusal);

    assert_eq!((kept.tokens.len(), kept.photos.len()), (2, 1), "nothing was acknowledged: {:?}", kept.refusals);
    assert!(ENDS.iter().all(|end| kept.refusals.contains_key(end)), "{:?}", kept.refusals);
    refused(&kept, 503, "unavailable");
    heals(&home, &disk, node, kept).await;
}
