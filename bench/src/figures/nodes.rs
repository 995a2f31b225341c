//! Nodes that host a part of Portico each, as processes of this machine that ask each other over gRPC.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::cost::Cpu;
use crate::{
    node::{Launch, Node},
    run::{Failure, Run},
};

/// The one who hosts everything, where that is one.
pub(super) const ALL: &str = "all";

/// How nodes know each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// They trust everybody on this machine.
    Plain,
    /// TLS, with a certificate for each role.
    Tls,
}

/// Running nodes, started from below: who is asked first, and gateways last.
pub(super) struct Nodes<'a> {
    run: &'a Run,
    settings: Vec<(String, String)>,
    certificates: Option<PathBuf>,
    hosts: BTreeMap<&'static str, Vec<String>>,
    running: Vec<(&'static str, Node)>,
}

impl<'a> Nodes<'a> {
    /// No nodes yet.
    pub(super) fn new(run: &'a Run, trust: Trust) -> Result<Self, Failure> {
        let directory = run.directory("nodes")?;
        let secret = directory.join("secret");
        fs::write(&secret, "5ec7e7".repeat(10) + "5ec7").map_err(Failure::io("a secret cannot be written"))?;
        let certificates = (trust == Trust::Tls).then(|| directory.join("certificates"));
        if let Some(certificates) = &certificates {
            certs(run, certificates, &["init"])?;
        }
        let nodes = Self { run, settings: Vec::new(), certificates, hosts: BTreeMap::new(), running: Vec::new() };
        Ok(nodes.set("node.secret_file", secret.display()).set("node.plaintext", trust == Trust::Plain))
    }

    /// One process that hosts everything, over files.
    pub(super) fn alone(run: &'a Run) -> Result<Self, Failure> {
        let node = run.node(ALL)?.unlimited().pinned(run.cores.server()).start()?;
        Ok(Self { running: vec![(ALL, node)], ..Self::new(run, Trust::Plain)? })
    }

    /// Gateway, users, sessions and photos in a process each, over files.
    pub(super) fn apart(run: &'a Run, trust: Trust) -> Result<Self, Failure> {
        ["session", "photo", "user", "gateway"]
            .into_iter()
            .try_fold(Self::new(run, trust)?, |nodes, role| nodes.start(role, 1))
    }

    /// Sets a key of the configuration for all that are started from here on.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "numbers and literals are what is passed")]
    pub(super) fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Starts `count` nodes that host `role`, on the server's core.
    pub(super) fn start(mut self, role: &'static str, count: usize) -> Result<Self, Failure> {
        for _ in 0..count {
            let node = self.launch(role)?.start()?;
            self.hosts.entry(role).or_default().push(node.nodes.to_string());
            self.running.push((role, node));
        }
        Ok(self)
    }

    fn launch(&self, role: &'static str) -> Result<Launch, Failure> {
        let launch = self.run.node(role)?.hosting(role).unlimited().pinned(self.run.cores.server());
        let mut launch = self.settings.iter().fold(launch, |launch, (key, value)| launch.set(key, value));
        let asks: &[&str] = match role {
            "gateway" => &["user", "session", "photo"],
            "user" => &["session", "photo"],
            _ => &[],
        };
        for asked in asks {
            let hosts = self.hosts.get(asked).map(|hosts| hosts.join(", ")).unwrap_or_default();
            launch = launch.set(&format!("node.peers.{asked}"), format!("[{hosts}]"));
        }
        if role != "gateway" {
            launch = launch.set("node.listen", "127.0.0.1:0");
        }
        match &self.certificates {
            None => Ok(launch),
            Some(directory) => self.trusted(launch, directory, role),
        }
    }

    /// The node with a certificate of its own.
    fn trusted(&self, launch: Launch, directory: &Path, role: &'static str) -> Result<Launch, Failure> {
        let name = format!("{role}-{}", self.running.len());
        certs(self.run, directory, &["issue", "--role", role, "--name", &name])?;
        let files = [
            ("certificate_file", format!("{name}.pem")),
            ("key_file", format!("{name}.key")),
            ("ca_file", "ca.pem".into()),
        ];
        let set = |launch: Launch, (key, file): (&str, String)| {
            launch.set(&format!("node.tls.{key}"), directory.join(file).display())
        };
        Ok(files.into_iter().fold(launch, set))
    }

    /// Where clients ask.
    pub(super) fn gateways(&self) -> Vec<SocketAddr> {
        let gateways = self.running.iter().filter(|(role, _)| ["gateway", ALL].contains(role));
        gateways.map(|(_, node)| node.gateway).collect()
    }

    /// The CPU time that nodes have used until now, by role.
    pub(super) fn cpu(&self) -> Result<Cpu, Failure> {
        let mut cpu = Cpu::default();
        for (role, node) in &self.running {
            cpu.add(role, node.cpu()?);
        }
        Ok(cpu)
    }

    /// Each node's role and process.
    pub(super) fn processes(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.running.iter().map(|(role, node)| (*role, node.pid()))
    }
}

/// `portico certs` in `directory`.
fn certs(run: &Run, directory: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let mut certs = Command::new(&run.binary);
    let (action, rest) = arguments.split_first().expect("an action is named");
    certs.args(["certs", action, "--dir"]).arg(directory).args(rest);
    let output = certs.output().map_err(Failure::io("certificates cannot be made"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::said(format!("no certificate was made: {}", String::from_utf8_lossy(&output.stderr))))
}
