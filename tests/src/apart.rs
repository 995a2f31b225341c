//! A node in parts: what one process hosts by default is spread over several, as `PORTICO_TEST_NODES` says.
//!
//! `apart`: the gateway in a process of its own, and the domains behind it: together over files, two nodes of each over servers.
//! `mixed`: gateway and sessions together, and the others behind them.

use std::{
    env, fs,
    net::TcpListener,
    process::{Child, Command},
    sync::LazyLock,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Home, eventually, output::Output};

/// How what a node hosts is spread over processes.
const NODES: &str = "PORTICO_TEST_NODES";

/// One process: what it hosts, where its data lie, and where others ask it.
struct Part {
    roles: &'static [&'static str],
    data: String,
    address: String,
}

/// The processes behind the one that clients talk to.
#[derive(Default)]
pub(crate) struct Behind(Vec<Process>);

struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

static LAYOUT: LazyLock<Option<String>> = LazyLock::new(|| env::var(NODES).ok());

/// Starts what `home` is served by, but for the process that clients talk to: that one's command.
pub(crate) fn start(home: &Home) -> (Behind, Command) {
    let Some(layout) = &*LAYOUT else { return (Behind::default(), home.command(&["up"])) };
    let secret = home.path().join("nodes.secret");
    if !secret.exists() {
        fs::write(&secret, format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..))).unwrap();
    }
    let parts = parts(layout, home.is_over_servers());
    let front = parts.len() - 1;
    let commands: Vec<_> = parts.iter().map(|part| command(home, part, &parts)).collect();
    let mut commands = commands.into_iter();
    let behind = Behind(commands.by_ref().take(front).map(Process::start).collect());
    (behind, commands.next().expect("the front is the last part"))
}

/// The front comes last.
fn parts(layout: &str, over_servers: bool) -> Vec<Part> {
    let part = |roles: &'static [&'static str], data: &str| Part { roles, data: data.to_owned(), address: free() };
    let twice = |role: &'static [&'static str]| (1..=2).map(move |number| part(role, &format!("{}-{number}", role[0])));
    match (layout, over_servers) {
        ("apart", false) => {
            vec![part(&["session", "photo", "user", "log"], "data"), part(&["gateway"], "front")]
        }
        ("apart", true) => {
            let behind = [&["session"][..], &["photo"], &["user"]].into_iter().flat_map(twice);
            behind.chain([part(&["gateway", "log"], "data")]).collect()
        }
        ("mixed", false) => vec![part(&["photo", "user", "log"], "data"), part(&["gateway", "session"], "front")],
        ("mixed", true) => {
            vec![part(&["photo"], "photo"), part(&["user"], "user"), part(&["gateway", "session", "log"], "data")]
        }
        _ => panic!("{NODES}={layout}: there are apart and mixed"),
    }
}

fn command(home: &Home, part: &Part, parts: &[Part]) -> Command {
    let mut arguments = vec!["node".to_owned(), "--data-dir".to_owned(), part.data.clone()];
    arguments.extend(part.roles.iter().flat_map(|role| ["--role".to_owned(), (*role).to_owned()]));
    let mut set = |key: &str, value: &str| arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
    if home.is_over_servers() {
        // What one node has done the others know at once, as the REST contract has it, and not within the lease of a cache.
        set("session.cache", "off");
        set("user.cache.adapter", "redis");
        set("user.cache_max", "0");
    }
    set("node.plaintext", "true");
    set("node.secret_file", home.path().join("nodes.secret").to_str().expect("it is plain"));
    if part.roles != ["gateway"] {
        set("node.listen", &part.address);
    }
    for role in asked_by(part.roles) {
        let hosts = parts.iter().filter(|part| part.roles.contains(&role)).map(|part| part.address.as_str());
        set(&format!("node.peers.{role}"), &format!("[{}]", hosts.collect::<Vec<_>>().join(", ")));
    }
    home.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Whom a process must ask elsewhere.
fn asked_by(roles: &[&str]) -> impl Iterator<Item = &'static str> {
    let (is_gateway, is_user) = (roles.contains(&"gateway"), roles.contains(&"user"));
    let asked = [("user", is_gateway), ("session", is_gateway || is_user), ("photo", is_gateway || is_user)];
    asked.into_iter().filter(move |(role, is_asked)| *is_asked && !roles.contains(role)).map(|(role, _)| role)
}

/// An address that nobody listens at, most likely until it is used.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, stdout: Output::collect(stdout), stderr: Output::collect(stderr) }
    }
}

impl Behind {
    /// Asks them to stop, the last one first, and waits until they have.
    pub(crate) async fn stop(&mut self) {
        for process in self.0.iter_mut().rev() {
            if process.child.try_wait().unwrap().is_none() {
                kill_process(Pid::from_child(&process.child), Signal::TERM).unwrap();
            }
            eventually("the end of a part", || std::future::ready(process.child.try_wait().unwrap())).await;
        }
    }

    /// Ends them in the middle of whatever they do.
    pub(crate) fn kill(&mut self) {
        for process in &mut self.0 {
            let _ended = process.child.kill();
            let _reaped = process.child.wait();
        }
    }

    /// What they printed.
    pub(crate) fn printed(&self) -> String {
        self.0.iter().map(|process| process.stdout.text() + &process.stderr.text()).collect()
    }
}
