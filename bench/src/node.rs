//! A node as an operator runs it, and what the system says of its process.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{cores::on_core, process::Process, run::Failure};

/// How long a node may take to print where it listens, or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node that is yet to be started.
#[derive(Debug, Clone)]
pub struct Launch {
    binary: PathBuf,
    directory: PathBuf,
    settings: Vec<(String, String)>,
    core: Option<usize>,
    role: Option<&'static str>,
}

impl Launch {
    /// The node at `binary` with the default configuration on free ports, living in `directory`.
    pub fn new(binary: &Path, directory: &Path) -> Self {
        let (binary, directory) = (binary.to_owned(), directory.to_owned());
        let launch = Self { binary, directory, settings: Vec::new(), core: None, role: None };
        launch.set("gateway.listen", "127.0.0.1:0").set("operator.listen", "127.0.0.1:0")
    }

    /// Sets a key of the configuration: `session.idle_s`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "numbers and literals are what is passed")]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        let name = format!("PORTICO__{}", key.replace('.', "__").to_uppercase());
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_string()));
        self
    }

    /// Widens every limit of rate: all load comes from one address. The limits still count each request.
    #[must_use]
    pub fn unlimited(self) -> Self {
        const LIMITS: [&str; 6] = [
            "per_address",
            "per_account",
            "sign_in_failures_per_address",
            "sign_in_failures_per_account",
            "sign_in_failures_per_device",
            "registrations_per_address",
        ];
        LIMITS.into_iter().fold(self, |launch, limit| {
            let key = |what: &str| format!("gateway.rate_limits.{limit}.{what}");
            launch.set(&key("burst"), 1_000_000).set(&key("per_s"), 1_000_000)
        })
    }

    /// Keeps the node on one core.
    #[must_use]
    pub fn pinned(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// Has the process host one role, and not everything.
    #[must_use]
    pub fn hosting(mut self, role: &'static str) -> Self {
        self.role = Some(role);
        self
    }

    /// The data directory, which outlives the process.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Starts the node and waits until it listens, which it does when it is ready.
    ///
    /// # Errors
    /// It cannot be started, or ends instead; what it wrote to standard error goes to this process's.
    pub fn start(&self) -> Result<Node, Failure> {
        let mut command = Command::new(&self.binary);
        match self.role {
            None => command.arg("up"),
            Some(role) => command.args(["node", "--role", role]),
        };
        command.current_dir(&self.directory).env_clear().envs(self.settings.iter().cloned());
        Node::start(command, self.core)
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Node {
    child: Child,
    /// Where the public API is; nowhere on a node that other nodes ask.
    pub gateway: SocketAddr,
    /// Where other nodes ask; nowhere on a node that has the public API.
    pub nodes: SocketAddr,
    /// Where the operator's listener is; the same as `gateway` for a server that has none.
    pub operator: SocketAddr,
    /// From starting the process to the line that says where it listens.
    pub listened_after: Duration,
}

impl Node {
    /// Starts whatever prints `operator listening on http://...`, and either the same of `gateway` or `nodes ask on ...`.
    pub(crate) fn start(mut command: Command, core: Option<usize>) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let began = Instant::now();
        let spawned = match core {
            Some(core) => on_core(core, || command.spawn()).map_err(Failure::io(format!("core {core} is refused")))?,
            None => command.spawn(),
        };
        let mut child = spawned.map_err(Failure::io("the server cannot be started"))?;
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (line, lines) = std::sync::mpsc::channel();
        // Reads to the end, so that the server never waits for somebody to read what it prints.
        thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|text| _ = line.send(text)));
        let mut node =
            Self { child, gateway: UNKNOWN, nodes: UNKNOWN, operator: UNKNOWN, listened_after: Duration::ZERO };
        while node.operator == UNKNOWN || (node.gateway == UNKNOWN && node.nodes == UNKNOWN) {
            let Ok(text) = lines.recv_timeout(PATIENCE) else {
                return Err(Failure::said("the server did not say where it listens; see its own words above"));
            };
            let address = |name: &str| text.strip_prefix(name)?.trim().trim_end_matches('/').parse().ok();
            node.gateway = address("gateway listening on http://").unwrap_or(node.gateway);
            node.nodes = address("nodes ask on ").unwrap_or(node.nodes);
            node.operator = address("operator listening on http://").unwrap_or(node.operator);
        }
        node.listened_after = began.elapsed();
        Ok(node)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time that the process has used, in user and kernel mode.
    ///
    /// # Errors
    /// The process is gone.
    pub fn cpu(&self) -> Result<Duration, Failure> {
        Process::of(self.pid()).map(|process| process.cpu).ok_or_else(|| Failure::said("the server is gone"))
    }

    /// The memory that the process has resident, in bytes.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resident_bytes(&self) -> Result<u64, Failure> {
        self.status_bytes("VmRSS:")
    }

    /// The most memory that the process ever had resident, in bytes.
    ///
    /// # Errors
    /// The process is gone.
    pub fn peak_bytes(&self) -> Result<u64, Failure> {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, field: &str) -> Result<u64, Failure> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).map_err(Failure::io(format!("{path} cannot be read")))?;
        let kib = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB"));
        let kib: Option<u64> = kib.and_then(|kib| kib.trim().parse().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| Failure::said(format!("{path} tells no {field}")))
    }

    /// Asks the node to stop, and waits until it has.
    ///
    /// # Errors
    /// It does not stop in time, or says that something was cut off.
    pub fn stop(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(std::io::Error::from)?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Failure::said(format!("the server ended with {status}"))),
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(Failure::said("the server did not stop within a minute"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

const UNKNOWN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
