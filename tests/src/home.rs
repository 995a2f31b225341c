//! A data directory and the settings of the nodes that run on it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::{Exit, Mega, Node, Servers, apart, binary, output::Output, servers::content};

/// Says which real servers the homes of all tests keep things in: `postgres` rows, in schemas of their own; `redis` sessions;
/// `s3` photos' bytes; that `rabbitmq` carries events, and `kafka` log records. Several are separated by commas.
const STORES: &str = "PORTICO_TEST_STORES";

/// Where a node lives: a data directory of its own, and settings. Drop it last: the directory goes with it.
pub struct Home {
    directory: TempDir,
    settings: Vec<(String, String)>,
    /// Where an S3 server keeps its photos; none where the data directory does.
    objects: Option<PathBuf>,
}

impl Home {
    /// An empty home. Nodes on it listen on free ports of the loopback address; rate limits are as wide as configuration
    /// allows, so that a test meets one only when it asks for it.
    pub fn new() -> Self {
        let home = Self { directory: tempfile::tempdir().unwrap(), settings: Vec::new(), objects: None };
        let limits = [
            "per_address",
            "per_account",
            "sign_in_failures_per_address",
            "sign_in_failures_per_account",
            "sign_in_failures_per_device",
            "registrations_per_address",
        ];
        let wide = |home: Self, limit: &str| home.set(&format!("gateway.rate_limits.{limit}.burst"), "100000");
        let home = limits.into_iter().fold(home, wide);
        let home = home.set("gateway.listen", "127.0.0.1:0").set("operator.listen", "127.0.0.1:0");
        let Some((servers, names)) = &*SHARED else { return home };
        let home = home.over(servers);
        if names.iter().any(|name| name == "kafka") { home.with_logs_by(servers) } else { home }
    }

    /// Has everything kept by `servers` that they are for: rows of users and photos by PostgreSQL, in schemas of their own,
    /// sessions by Redis, the bytes of photos by S3; and has RabbitMQ carry events.
    #[must_use]
    pub fn over(mut self, servers: &Servers) -> Self {
        let ca = servers.ca().to_str().expect("its name is plain");
        if servers.has("POSTGRES_URL") {
            for (section, domain) in [("user.store", "USER"), ("photo.store", "PHOTO")] {
                self = self.set(&format!("{section}.adapter"), "postgres");
                self = self.set(&format!("{section}.url"), &servers.schema(domain));
                self = self.set(&format!("{section}.tls.ca_file"), ca);
            }
        }
        if servers.has("RABBITMQ_URL") {
            self = self.over_rabbitmq(servers);
        }
        if servers.has("S3_URL") {
            self = self.with_content_in(servers);
        }
        if servers.has("REDIS_URL") {
            self = self.set("session.store.ca_file", ca).with_sessions_at(servers.redis_tls_url());
        }
        self
    }

    /// Has the bytes of photos kept by the S3 server of `servers`, under a name of their own.
    #[must_use]
    pub fn with_content_in(mut self, servers: &Servers) -> Self {
        let prefix = format!("p{:016x}/", fastrand::u64(..));
        self.objects = Some(servers.objects().join(&prefix));
        [
            ("adapter", "s3"),
            ("endpoint", servers.s3_url()),
            ("region", servers.setting("S3_REGION")),
            ("bucket", servers.setting("S3_BUCKET")),
            ("prefix", &prefix),
            ("access_key_id", servers.setting("S3_ACCESS_KEY")),
            ("secret_access_key", servers.setting("S3_SECRET_KEY")),
        ]
        .into_iter()
        .fold(self, |home, (key, value)| home.set(&format!("photo.content.{key}"), value))
    }

    /// Has the bytes of photos kept by an account of `mega`.
    #[must_use]
    pub fn with_content_at(self, mega: &Mega) -> Self {
        let home = self.set("photo.content.adapter", "mega").set("photo.content.mega.endpoint", mega.url());
        home.set("photo.content.mega.email", Mega::EMAIL).set("photo.content.mega.password", Mega::PASSWORD)
    }

    /// Has sessions kept by the Redis of `url`.
    #[must_use]
    pub fn with_sessions_at(self, url: &str) -> Self {
        self.set("session.store.adapter", "redis").set("session.store.url", url)
    }

    /// Another home over the same servers, with the same settings and a data directory of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), settings: self.settings.clone(), objects: self.objects.clone() }
    }

    /// Has events carried by the RabbitMQ of `servers`, under names of their own.
    #[must_use]
    pub fn over_rabbitmq(self, servers: &Servers) -> Self {
        let prefix = format!("t{:016x}", fastrand::u64(..));
        let home = self.set("bus.broker.adapter", "rabbitmq").set("bus.broker.prefix", &prefix);
        home.set("bus.broker.url", servers.rabbitmq_url())
    }

    /// Has log records go by the Kafka of `servers`, by a topic of their own, to the files of whoever collects.
    #[must_use]
    pub fn with_logs_by(self, servers: &Servers) -> Self {
        let name = format!("t{:016x}", fastrand::u64(..));
        [("kind", "kafka"), ("brokers", servers.kafka()), ("tls.mode", "disable"), ("topic", &name), ("group", &name)]
            .into_iter()
            .fold(self, |home, (key, value)| home.set(&format!("log.transport.{key}"), value))
    }

    /// Sets a key of the configuration: `session.idle_s`.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let name = variable(key);
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
        self
    }

    /// Leaves a key of the configuration as it is by default.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        let name = variable(key);
        self.settings.retain(|(known, _)| *known != name);
        self
    }

    /// What a key was set to.
    pub fn setting(&self, key: &str) -> Option<&str> {
        let name = variable(key);
        self.settings.iter().find_map(|(known, value)| (*known == name).then_some(value.as_str()))
    }

    /// The directory that the processes run in; relative paths begin here.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The data directory: `data` in the home, as by default.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Every regular file under the data directory.
    pub fn files(&self) -> Vec<PathBuf> {
        files(&self.data())
    }

    /// Every file of a photo's bytes, wherever they are kept.
    pub(crate) fn content(&self) -> Vec<PathBuf> {
        files(self.objects.as_deref().unwrap_or(&self.data().join("content")))
    }

    /// Every row that a server keeps for this home, as text; nothing where no server does.
    pub fn rows(&self) -> String {
        self.stores().filter(|url| url.starts_with("postgres")).map(content).collect()
    }

    /// The passwords that its nodes tell servers.
    pub fn server_passwords(&self) -> Vec<String> {
        let password = |url: &str| Some(url.split_once('@')?.0.rsplit_once(':')?.1.to_owned());
        self.urls("__URL").filter_map(password).collect()
    }

    fn stores(&self) -> impl Iterator<Item = &str> {
        self.urls("__STORE__URL")
    }

    /// The values of settings whose names end so.
    fn urls(&self, end: &str) -> impl Iterator<Item = &str> {
        let urls = self.settings.iter().filter(move |(name, _)| name.ends_with(end));
        urls.map(|(_, url)| url.as_str())
    }

    /// Starts a node and waits until it is ready.
    ///
    /// # Panics
    /// When it ends instead; its output is shown.
    pub async fn up(&self) -> Node {
        let (behind, command) = apart::start(self);
        Node::start_before(command, behind).await
    }

    /// Whether servers keep its rows and sessions.
    pub(crate) fn is_over_servers(&self) -> bool {
        self.setting("session.store.adapter") == Some("redis") && self.setting("user.store.adapter") == Some("postgres")
    }

    /// Whether its log records go by Kafka.
    pub(crate) fn logs_by_kafka(&self) -> bool {
        self.setting("log.transport.kind") == Some("kafka")
    }

    /// Starts a node whose actors crash; `chaos` says how often (`actors/kernel/src/chaos.rs`). It wants a binary with debug
    /// assertions.
    ///
    /// # Panics
    /// As [`Self::up`].
    pub async fn up_in_chaos(&self, chaos: &str) -> Node {
        let mut command = self.command(&["up"]);
        command.env("PORTICO_CHAOS", chaos);
        Node::start(command).await
    }

    /// Runs a command of the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Exit {
        self.run_with(arguments, "")
    }

    /// Runs a command of the binary to its end, with `input` on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Exit {
        use std::io::Write as _;

        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads nothing has closed its end of the pipe.
        let _unread = stdin.write_all(input.as_bytes());
        drop(stdin);
        Exit { status: child.wait().unwrap(), stdout: stdout.whole(), stderr: stderr.whole() }
    }

    /// The binary with `arguments`, in an environment that holds this home's settings and nothing else.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(binary(), arguments)
    }

    /// The same with another binary.
    pub(crate) fn command_of(&self, binary: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(arguments).current_dir(self.path()).env_clear().envs(self.settings.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// The variable of the environment that sets a key.
fn variable(key: &str) -> String {
    format!("PORTICO__{}", key.replace('.', "__").to_uppercase())
}

/// The servers that [`STORES`] names, and their names. Other tests may have started more of the same set.
static SHARED: LazyLock<Option<(Servers, Vec<String>)>> = LazyLock::new(|| {
    let stores = env::var(STORES).ok()?;
    let names: Vec<_> = stores.split(',').collect();
    let known = names.iter().all(|name| ["postgres", "rabbitmq", "redis", "s3", "kafka"].contains(name));
    assert!(known, "{STORES}={stores}: there are postgres, rabbitmq, redis, s3 and kafka");
    Some((Servers::shared(&names), names.into_iter().map(str::to_owned).collect()))
});

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// Every regular file under a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    files
}
