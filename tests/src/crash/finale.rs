//! The end of a run: everything that was ever promised, held against the API, the databases, the files and the log.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Findings, Plan,
    client::Client,
    content,
    journal::{self, Account},
    kills::together,
    logs::{self, Logs, Run},
    process,
    rows::{self, Promised, Standing},
    wire::{Call, FOLLOWS_WITHIN, Mode, Wire},
};
use crate::{Home, Node, output::PATIENCE};

/// How often it is looked at whether something has come to be.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts the node of `home` once more and holds it against everything. `accepted` says how many records each run of it had
/// accepted at least.
pub(super) async fn hold(
    plan: &Plan,
    home: &Home,
    clients: Vec<Client>,
    accepted: &[(Run, u64)],
    findings: &Arc<Findings>,
) {
    plan.say(findings, || "checking everything".to_owned());
    let clients = settled(plan, home, clients, findings).await;
    let logs = data(home, &clients, findings).await;
    for (run, count) in accepted {
        let stands = logs.gapless(run);
        findings.hold(stands >= *count, || format!("run {run} accepted {count} log records, and {stands} stand"));
        findings.add("log: records that were accepted before a kill", *count);
    }
    an_hour_later(plan, home, &clients, findings).await;
}

/// Starts the node, holds all that the API tells against what was promised, and stops it when everything is delivered.
pub(super) async fn settled(plan: &Plan, home: &Home, clients: Vec<Client>, findings: &Arc<Findings>) -> Vec<Client> {
    let node = process::up(plan, home).await;
    let clients = api(&node, clients, findings).await;
    stop(home, node, findings).await;
    clients
}

/// Everything that the API tells.
pub(super) async fn api(node: &Node, clients: Vec<Client>, findings: &Arc<Findings>) -> Vec<Client> {
    let wire = Wire::new(node.gateway(), findings, Mode::Calm);
    let clients = together(clients, |client| client.check(wire.clone(), true)).await;
    traces(&wire, &clients, |standing| standing == journal::Standing::Closed).await;
    clients
}

/// Others see nothing of the accounts that stand so.
async fn traces(wire: &Wire, clients: &[Client], wanted: impl Fn(journal::Standing) -> bool) {
    let Some(observer) = observer(wire, clients).await else { return };
    let until = Instant::now() + FOLLOWS_WITHIN; // for all of them, so that waits do not add up
    for account in accounts(clients).filter(|account| wanted(account.standing)) {
        if account.check_traces(wire, &observer, until).await.is_err() {
            wire.findings.violation(format!("{}: what is left of it cannot be looked at", account.email));
        }
    }
}

/// The token of somebody who is signed in.
async fn observer(wire: &Wire, clients: &[Client]) -> Option<String> {
    for session in accounts(clients).filter_map(|account| account.sessions.last()) {
        let verified = wire.insist(&Call::get("/session/verify").by(&session.token)).await.ok()?;
        if verified.status == 204 {
            return Some(session.token.clone());
        }
    }
    None
}

/// Waits for what must come to be; that it never did is a violation, and no reason to end before all else is checked.
pub(super) async fn comes(findings: &Findings, what: &str, mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let came = tokio::time::timeout(PATIENCE, looking).await.is_ok();
    findings.hold(came, || format!("waited in vain for {what}"));
}

/// Everything is delivered, and the node stops in order.
pub(super) async fn stop(home: &Home, node: Node, findings: &Findings) {
    comes(findings, "every domain to have heard of every change", async || rows::have_heard(home).await).await;
    comes(findings, "log records to be in files", async || are_collected(home, &node).await).await;
    let exit = node.stop().await;
    findings.hold(exit.code() == Some(0), || format!("the node ended with {:?}: {}", exit.status, exit.stderr));
}

/// Whether all that a node accepted so far stands in the files of whoever collects; true where it writes them itself. Kafka
/// keeps the order, so that all of earlier runs stands then as well.
async fn are_collected(home: &Home, node: &Node) -> bool {
    if home.setting("log.transport.kind").is_none() {
        return true;
    }
    let accepted = process::metric(node, "portico_log_accepted_total").await;
    logs::reached(&home.data().join("logs"), &Run::of(node)) >= accepted
}

/// Stops a node, and holds what it leaves in its databases and files against each other.
pub(crate) async fn hold_together(home: &Home, node: Node, findings: &Findings) {
    stop(home, node, findings).await;
    let standing = Standing::read(home).await;
    standing.check_each_other(findings);
    content::check(home, findings, &standing.photo_paths, &standing.work_paths);
    content::check_unfinished(home, findings);
}

/// Rows and photos' bytes are as promised. Nodes must have stopped in order.
pub(super) async fn standing(home: &Home, clients: &[Client], findings: &Findings) {
    let standing = Standing::read(home).await;
    standing.check(findings, &promised(clients));
    content::check(home, findings, &standing.photo_paths, &standing.work_paths);
}

/// What lies in the data directory of a node that has stopped in order.
pub(super) async fn data(home: &Home, clients: &[Client], findings: &Findings) -> Logs {
    standing(home, clients, findings).await;
    content::check_unfinished(home, findings);
    let directory = home.data().join("logs");
    let logs = Logs::read(&directory, findings);
    let last = logs::latest_run(&directory).unwrap_or_default();
    findings.hold(logs.is_whole(&last), || {
        format!("the last run's records have gaps after {}", logs.gapless(&Run::Named(last.clone())))
    });
    findings.add("log: records", logs.records());
    findings.add("log: runs", logs.runs());
    logs
}

fn accounts(clients: &[Client]) -> impl Iterator<Item = &Account> {
    clients.iter().flat_map(|client| &client.accounts)
}

fn promised(clients: &[Client]) -> Promised {
    let plain = |id: &str| id.replace('-', "");
    let mut promised = Promised::default();
    for account in accounts(clients) {
        if account.is_open() {
            promised.emails.insert(account.email.clone());
            promised.photos.extend(account.photos.iter().map(|photo| plain(&photo.id)));
        } else {
            promised.deleted.extend(account.id.as_deref().map(plain));
        }
    }
    promised
}

/// What uploads left behind that were cut off is deleted when their reservations end, and then no file is left but those of
/// photos. A node that was started afresh has no cache left either.
pub(super) async fn an_hour_later(plan: &Plan, home: &Home, clients: &[Client], findings: &Arc<Findings>) {
    findings.add("reservations of uploads that were cut off", rows::work_left(home).await);
    rows::let_an_hour_pass(home).await;
    let node = process::up(plan, home).await;
    comes(findings, "the work list to be done", async || rows::work_left(home).await == 0).await;
    traces(&Wire::new(node.gateway(), findings, Mode::Calm), clients, |standing| standing != journal::Standing::Open)
        .await;
    stop(home, node, findings).await;
    let standing = Standing::read(home).await;
    content::check(home, findings, &standing.photo_paths, &BTreeSet::new());
}
