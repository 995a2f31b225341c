//! What nodes leave behind, held against what was acknowledged.

use std::sync::Arc;

use super::super::{
    Findings, Plan, finale,
    load::Crowd,
    logs::{self, Logs, Run},
    rows,
};
use crate::{Cluster, Home};

/// Every event is delivered, and every node stops in order and leaves a log without gaps.
pub(super) async fn end(cluster: Cluster<'_>, findings: &Findings) {
    let home = cluster.home();
    finale::comes(findings, "every domain to have heard of every change", async || rows::have_heard(home).await).await;
    for (name, exit) in cluster.end().await {
        findings.hold(exit.code() == Some(0), || format!("{name} ended with {:?}: {}", exit.status, exit.stderr));
        let directory = home.path().join(&name).join("logs");
        let (logs, last) = (Logs::read(&directory, findings), logs::latest_run(&directory).unwrap_or_default());
        findings.hold(logs.is_whole(&last), || {
            format!("{name}: the last run's records have gaps after {}", logs.gapless(&Run::Named(last.clone())))
        });
        findings.add("log: records", logs.records());
        findings.add("log: runs", logs.runs());
    }
}

/// Rows, sessions and objects are as promised, and one node over the same servers finds them so.
pub(super) async fn hold(plan: &Plan, home: &Home, crowd: Crowd, findings: &Arc<Findings>) {
    plan.say(findings, || "checking everything".to_owned());
    let clients = crowd.clients();
    finale::standing(home, &clients, findings).await;
    finale::an_hour_later(plan, home, &clients, findings).await;
}
