//! A node in parts: what one process hosts by default is spread over several, as `PORTICO_TEST_NODES` says.
//!
//! `apart`: the gateway in a process of its own, and the domains behind it: together over files, two nodes of each over servers.
//! `mixed`: gateway and sessions together, and the others behind them.
//! Where log records go by Kafka, two nodes that do nothing else take them into files.

use std::{env, net::TcpListener, process::Command, sync::LazyLock};

use crate::{
    Home, binary,
    cluster::{Part, Process},
};

/// How what a node hosts is spread over processes.
const NODES: &str = "PORTICO_TEST_NODES";

/// The processes behind the one that clients talk to.
#[derive(Default)]
pub(crate) struct Behind(Vec<Process>);

static LAYOUT: LazyLock<Option<String>> = LazyLock::new(|| env::var(NODES).ok());

/// Starts what `home` is served by, but for the process that clients talk to: that one's command.
pub(crate) fn start(home: &Home) -> (Behind, Command) {
    let Some(layout) = &*LAYOUT else { return (Behind::default(), home.command(&["up"])) };
    let parts = parts(layout, home);
    let whom = |role: &str| {
        let hosts = parts.iter().filter(|part| part.roles.contains(&role));
        hosts.map(|part| part.address.clone()).collect()
    };
    let front = parts.len() - 1;
    let command = |part: &Part| part.command(home, binary(), whom, &[("node.plaintext", "true")]);
    let behind = Behind(parts[..front].iter().map(|part| Process::start(command(part))).collect());
    (behind, command(&parts[front]))
}

/// The front comes last.
fn parts(layout: &str, home: &Home) -> Vec<Part> {
    let part = |roles: &'static [&'static str], data: &str| Part { roles, data: data.to_owned(), address: free() };
    let twice = |role: &'static [&'static str]| (1..=2).map(move |number| part(role, &format!("{}-{number}", role[0])));
    match (layout, home.is_over_servers()) {
        ("apart", false) => {
            vec![part(&["session", "photo", "user", "log"], "data"), part(&["gateway"], "front")]
        }
        ("apart", true) if home.logs_by_kafka() => {
            let behind = [&["log"][..], &["session"], &["photo"], &["user"]].into_iter().flat_map(twice);
            behind.chain([part(&["gateway"], "data")]).collect()
        }
        ("apart", true) => {
            let behind = [&["session"][..], &["photo"], &["user"]].into_iter().flat_map(twice);
            behind.chain([part(&["gateway", "log"], "data")]).collect()
        }
        ("mixed", false) => vec![part(&["photo", "user", "log"], "data"), part(&["gateway", "session"], "front")],
        ("mixed", true) if home.logs_by_kafka() => {
            let behind = [&["log"][..], &["photo"], &["user"]].map(|roles| part(roles, roles[0]));
            behind.into_iter().chain([part(&["gateway", "session"], "data")]).collect()
        }
        ("mixed", true) => {
            vec![part(&["photo"], "photo"), part(&["user"], "user"), part(&["gateway", "session", "log"], "data")]
        }
        _ => panic!("{NODES}={layout}: there are apart and mixed"),
    }
}

/// An address that nobody listens at, most likely until it is used.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Behind {
    /// Asks them to stop, the last one first, and waits until they have.
    pub(crate) async fn stop(&mut self) {
        while let Some(process) = self.0.pop() {
            process.stop().await;
        }
    }

    /// Ends them in the middle of whatever they do.
    pub(crate) fn kill(&mut self) {
        self.0.clear();
    }

    /// Where their operators' listeners are.
    pub(crate) fn operators(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|process| process.told("operator listening on ").expect("every node has one"))
    }

    /// What they printed.
    pub(crate) fn printed(&self) -> String {
        self.0.iter().map(Process::printed).collect()
    }
}
