//! Real servers: a set of them, which `deploy/scripts/servers.sh` starts, kills, pauses and ends.
//!
//! Invariant: a set ends with the process that it was started for, however that ends.

use std::{
    collections::HashMap,
    env, fs,
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// Names the directory of a set that somebody else has started (`./just servers up`) for all tests to share.
const OVERRIDE: &str = "PORTICO_TEST_SERVERS";
/// What begins the name of every variable in a set's `env`.
const PREFIX: &str = "PORTICO_TEST_";

/// What a URL names a schema by.
const SCHEMA: &str = "?options[search_path]=";

/// A set of servers.
pub struct Servers {
    directory: PathBuf,
    settings: HashMap<String, String>,
    /// Ended when this is dropped.
    own: bool,
}

impl Servers {
    /// The servers that all tests of this run share, which then stay until `cargo test` ends. Tests keep out of each
    /// other's way by databases, virtual hosts, topics and keys, and neither kill nor pause them.
    ///
    /// # Panics
    /// When one of them cannot be started; the script says why.
    pub fn shared(names: &[&str]) -> Self {
        let cargo = parent_id().to_string(); // the one process that outlives every test binary
        let mut up = script("up");
        match env::var_os(OVERRIDE) {
            Some(directory) => up.arg("--dir").arg(directory),
            None => up.args(["--set", &format!("tests-{cargo}"), "--for", &cargo]),
        };
        Self::start(up.args(names), false)
    }

    /// Servers that nobody else has, to be killed and paused. Dropping this ends them.
    ///
    /// # Panics
    /// When one of them cannot be started; the script says why.
    pub fn own(names: &[&str]) -> Self {
        let directory = TempDir::with_prefix("portico-servers-").expect("a directory can be made").keep();
        let mut up = script("up");
        up.arg("--dir").arg(directory).args(["--for", &std::process::id().to_string()]);
        Self::start(up.args(names), true)
    }

    fn start(up: &mut Command, own: bool) -> Self {
        let env = PathBuf::from(run(up).trim());
        let text = fs::read_to_string(&env).expect("whoever started the set may read it");
        let settings = text.lines().filter_map(|line| line.strip_prefix(PREFIX)?.split_once('='));
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { directory: env.parent().expect("it lies in the set").to_owned(), settings, own }
    }

    /// A command of the script on this set, to be run.
    pub fn command(&self, name: &str) -> Command {
        let mut command = script(name);
        command.arg("--dir").arg(&self.directory);
        command
    }

    /// Starts again what was killed: on the same port, with the same data.
    pub fn up(&self, name: &str) {
        run(self.command("up").arg(name));
    }

    /// SIGKILL to every process of a server.
    pub fn kill(&self, name: &str) {
        run(self.command("kill").arg(name));
    }

    /// Asks a server to end, as its operator would, and waits until it has.
    pub fn stop(&self, name: &str) {
        run(self.command("stop").arg(name));
    }

    /// SIGSTOP to every process of a server: connections stay, and nothing answers.
    pub fn pause(&self, name: &str) {
        run(self.command("pause").arg(name));
    }

    /// Ends that.
    pub fn resume(&self, name: &str) {
        run(self.command("resume").arg(name));
    }

    /// Ends all servers, and deletes what they wrote.
    pub fn down(&self) {
        run(&mut self.command("down"));
    }

    /// Where the set lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the set's `env` says of `PORTICO_TEST_<name>`.
    ///
    /// # Panics
    /// When the server that it belongs to was not asked for.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).unwrap_or_else(|| panic!("{PREFIX}{name} is of no server that was started"))
    }

    /// The certificate of the CA that vouches for the servers.
    pub fn ca(&self) -> &Path {
        Path::new(self.setting("CA"))
    }

    /// PostgreSQL as superuser, who may make databases.
    pub fn postgres_url(&self) -> &str {
        self.setting("POSTGRES_URL")
    }

    /// A new schema in the database of a domain (`USER` or `PHOTO`), which is as good as a database and sooner made: the
    /// URL that leads there.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn schema(&self, domain: &str) -> String {
        let (url, name) = (self.setting(&format!("POSTGRES_{domain}_URL")), format!("s{:016x}", fastrand::u64(..)));
        psql(url, &format!("CREATE SCHEMA {name}"));
        format!("{url}{SCHEMA}{name}")
    }

    /// Redis without TLS.
    pub fn redis_url(&self) -> &str {
        self.setting("REDIS_URL")
    }

    /// Redis with TLS.
    pub fn redis_tls_url(&self) -> &str {
        self.setting("REDIS_TLS_URL")
    }

    /// Whether the set has what `PORTICO_TEST_<name>` tells of.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// RabbitMQ without TLS.
    pub fn rabbitmq_url(&self) -> &str {
        self.setting("RABBITMQ_URL")
    }

    /// Kafka's host and port, without TLS.
    pub fn kafka(&self) -> &str {
        self.setting("KAFKA")
    }

    /// The S3 server.
    pub fn s3_url(&self) -> &str {
        self.setting("S3_URL")
    }

    /// Where the S3 server keeps the objects of its bucket, as files.
    pub(crate) fn objects(&self) -> PathBuf {
        self.directory.join("s3/home/data").join(self.setting("S3_BUCKET"))
    }
}

/// Everything in a schema that [`Servers::schema`] made, as text.
pub(crate) fn content(url: &str) -> String {
    let (url, name) = url.split_once(SCHEMA).expect("it names a schema");
    psql(url, &format!("SELECT schema_to_xml('{name}', true, false, '')"))
}

/// What a statement selects, a line for each row; in the schema that [`Servers::schema`] made where the URL names one.
pub(crate) fn psql(url: &str, statement: &str) -> String {
    let (url, schema) = url.split_once(SCHEMA).map_or((url, None), |(url, schema)| (url, Some(schema)));
    let mut psql = Command::new("psql");
    psql.args([url, "-qAtX", "-v", "ON_ERROR_STOP=1"]);
    if let Some(schema) = schema {
        psql.args(["-c", &format!("SET search_path TO {schema}")]);
    }
    run(psql.args(["-c", statement]))
}

impl Drop for Servers {
    fn drop(&mut self) {
        if self.own {
            let _ended = self.command("down").status();
        }
    }
}

fn script(name: &str) -> Command {
    let mut script = Command::new(crate::repository().join("deploy/scripts/servers.sh"));
    script.arg(name).stdin(Stdio::null());
    script
}

/// Runs it to its end, with its progress to be seen, and returns what it answers.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().expect("the script can be started");
    assert!(output.status.success(), "{command:?} ended with {}; what it says is above", output.status);
    String::from_utf8(output.stdout).expect("it answers in UTF-8")
}
