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

use crate::{cores::on_core, run::Failure};

/// How long a node may take to print where it listens, or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node that is yet to be started.
#[derive(Debug, Clone)]
pub struct Launch {
    binary: PathBuf,
    directory: PathBuf,
    settings: Vec<(String, String)>,
    core: Option<usize>,
}

impl Launch {
    /// The node at `binary` with the default configuration on free ports, living in `directory`.
    pub fn new(binary: &Path, directory: &Path) -> Self {
        let launch =
            Self { binary: binary.to_owned(), directory: directory.to_owned(), settings: Vec::new(), core: None };
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
        command.arg("up").current_dir(&self.directory).env_clear().envs(self.settings.iter().cloned());
        Node::start(command, self.core)
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Node {
    child: Child,
    /// Where the public API is.
    pub gateway: SocketAddr,
    /// Where the operator's listener is; the same as `gateway` for a server that has none.
    pub operator: SocketAddr,
    /// From starting the process to the line that says where it listens.
    pub listened_after: Duration,
}

impl Node {
    /// Starts whatever prints `gateway listening on http://...`, and perhaps before it the same of `operator`.
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
        let mut node = Self { child, gateway: UNKNOWN, operator: UNKNOWN, listened_after: Duration::ZERO };
        while node.gateway == UNKNOWN || node.operator == UNKNOWN {
            let Ok(text) = lines.recv_timeout(PATIENCE) else {
                return Err(Failure::said("the server did not say where it listens; see its own words above"));
            };
            let address = |name: &str| text.strip_prefix(name)?.trim().trim_end_matches('/').parse().ok();
            node.gateway = address("gateway listening on http://").unwrap_or(node.gateway);
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
        cpu_of(self.pid())
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

/// The CPU time of a process, of which the system tells hundredths of a second.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration, Failure> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(Failure::io(format!("{path} cannot be read")))?;
    // The name in parentheses may hold anything; after it, user and kernel time are the 12th and 13th field.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10)) // Linux tells it in hundredths of a second on every architecture
}
