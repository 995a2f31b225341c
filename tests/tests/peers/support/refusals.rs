//! What a node says of what it refused.

use std::fs;

use portico_tests::{Member, eventually};

/// How many connections and calls it has refused for this reason.
pub(crate) async fn refused(member: &Member, reason: &str) -> u64 {
    member.metric("portico_node_refused", &format!("reason=\"{reason}\"")).await
}

/// Waits until it has refused `count` for this reason, which are all.
pub(crate) async fn has_refused(member: &Member, reason: &str, count: u64) {
    let what = format!("{count} refused for {reason}");
    eventually(&what, || async move { (refused(member, reason).await >= count).then_some(()) }).await;
    assert_eq!(refused(member, reason).await, count, "{reason}");
}

/// The records that tell of what it refused; one at least.
pub(crate) async fn told(member: &Member) -> Vec<String> {
    let told = || std::future::ready(Some(records(member, "another node was refused")).filter(|told| !told.is_empty()));
    eventually("a record", told).await
}

/// The records that hold `text`.
fn records(member: &Member, text: &str) -> Vec<String> {
    let files = fs::read_dir(member.logs()).into_iter().flatten().flatten();
    let all: String = files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    all.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}
