//! Starts nodes with another binary than the tests' own, and looks at what a process holds.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::Plan;
use crate::{Home, Node};

/// A home where passwords cost little, so that crashes are many, and where caches are small, so that memory can be flat.
pub(crate) fn home() -> Home {
    let limits = [
        "per_address",
        "per_account",
        "sign_in_failures_per_address",
        "sign_in_failures_per_account",
        "sign_in_failures_per_device",
        "registrations_per_address",
    ];
    let home = limits
        .into_iter()
        .fold(Home::new(), |home, limit| home.set(&format!("gateway.rate_limits.{limit}.per_s"), "1000000"))
        .set("gateway.rate_limits.keys_max", "1000");
    home.set("user.password.argon2.memory_kib", "8")
        .set("user.password.argon2.iterations", "1")
        .set("user.cache_max", "100")
        .set("session.cache_max", "100")
        .set("log.rotate_bytes", "1000000")
        .set("log.flush_ms", "50")
}

/// `portico up` on `home`, with the plan's binary and `environment` beside the home's own.
pub(super) fn command(plan: &Plan, home: &Home, environment: &[(&str, &str)]) -> Command {
    let mut command = home.command_of(&plan.binary, &["up"]);
    command.envs(environment.iter().copied());
    command
}

/// Starts a node and waits until it is ready.
pub(super) async fn up(plan: &Plan, home: &Home) -> Node {
    Node::start(command(plan, home, &[])).await
}

/// A process that is killed when this is dropped.
pub(super) struct Starting(Child);

impl Starting {
    /// Starts a node and does not wait for it.
    pub(super) fn begin(plan: &Plan, home: &Home) -> Self {
        let mut command = command(plan, home, &[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the node's binary can be started"))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) memory_kib: u64,
    pub(super) threads: u64,
    pub(super) files: u64,
    /// How large its databases are: memory holds parts of them.
    pub(super) databases_kib: u64,
}

/// What the node of `home` holds: its lock names the process.
pub(super) fn held(home: &Home) -> Held {
    let pid = fs::read_to_string(home.data().join("lock")).unwrap_or_default();
    let process = Path::new("/proc").join(pid.trim());
    let status = fs::read_to_string(process.join("status")).expect("the node runs");
    let figure = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|figure| figure.parse().ok()).unwrap_or_default()
    };
    let files = fs::read_dir(process.join("fd")).expect("the node runs").count() as u64;
    let databases = ["user.db", "session.db", "photo.db"].map(|name| home.data().join(name));
    let bytes: u64 = databases.iter().filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum();
    Held { memory_kib: figure("VmRSS:"), threads: figure("Threads:"), files, databases_kib: bytes / 1024 }
}

/// What `/tree` says of one actor.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub(super) path: String,
    pub(super) state: String,
    pub(super) incarnation: u64,
    pub(super) panics: u64,
    pub(super) restarts: u64,
    pub(super) depth: u64,
    pub(super) in_flight: u64,
    pub(super) handled: u64,
    pub(super) crashed: u64,
}

/// All actors of a node; none when it does not answer.
pub(super) async fn actors(node: &Node) -> Option<Vec<Actor>> {
    let tree = node.operator_client().get("/tree").attempt().await?.json();
    let mut found = Vec::new();
    collect(&tree, "", &mut found);
    Some(found)
}

fn collect(node: &Value, above: &str, found: &mut Vec<Actor>) {
    for child in node["children"].as_array().into_iter().flatten() {
        let path = format!("{above}{}", child["name"].as_str().unwrap_or_default());
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        if child["kind"] == "actor" {
            let causes = child["restarts"].as_object();
            found.push(Actor {
                path: path.clone(),
                state: child["state"].as_str().unwrap_or_default().to_owned(),
                incarnation: number(&child["incarnation"]),
                panics: number(&child["restarts"]["panic"]),
                restarts: causes.map(|causes| causes.values().map(number).sum()).unwrap_or_default(),
                depth: number(&child["depth"]),
                in_flight: number(&child["in_flight"]),
                handled: number(&child["handled"]),
                crashed: number(&child["crashed"]),
            });
        }
        collect(child, &format!("{path}/"), found);
    }
}

/// The sum of a metric over all its labels; none when the node does not answer.
pub(super) async fn metric(node: &Node, name: &str) -> Option<u64> {
    Some(sum(&metrics(node).await?, name))
}

/// How many requests a node has answered. What it tells a connection on which nobody has asked anything, as a client's pool may
/// make one too many, is of no route.
pub(super) async fn requests(node: &Node) -> Option<u64> {
    let metrics = metrics(node).await?;
    let of_routes: Vec<_> = metrics.lines().filter(|line| !line.contains(r#"http_route="""#)).collect();
    Some(sum(&of_routes.join("\n"), "http_server_request_duration_seconds_count"))
}

async fn metrics(node: &Node) -> Option<String> {
    let answer = node.operator_client().get("/metrics").attempt().await?;
    String::from_utf8(answer.bytes).ok()
}

fn sum(metrics: &str, name: &str) -> u64 {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        (rest.starts_with('{') || rest.starts_with(' ')).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and small")]
    values.map(|value| value as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_no_other_metric() {
        let text = "# HELP a_total A\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\na_total_more 7\nb 1\n";

        assert_eq!((sum(text, "a_total"), sum(text, "b")), (5, 1));
    }
}
