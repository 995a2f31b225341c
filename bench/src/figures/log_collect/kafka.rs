//! A Kafka of this run's own, by the script that tests start theirs with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::run::Failure;

/// A running Kafka, which ends when this is dropped or with the process.
pub(super) struct Kafka {
    /// Its host and port.
    pub(super) address: String,
    directory: PathBuf,
}

impl Kafka {
    /// Starts one that writes into `directory`.
    pub(super) fn start(directory: &Path) -> Result<Self, Failure> {
        let mut up = script("up", directory);
        up.args(["--for", &std::process::id().to_string(), "kafka"]);
        let output = up.stderr(Stdio::inherit()).output().map_err(Failure::io("the servers' script cannot be run"))?;
        if !output.status.success() {
            return Err(Failure::said("Kafka cannot be started: see above"));
        }
        let env = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let text = fs::read_to_string(&env).map_err(Failure::io(env))?;
        let address = text.lines().find_map(|line| line.strip_prefix("PORTICO_TEST_KAFKA="));
        let address = address.ok_or_else(|| Failure::said("the servers' script does not tell where Kafka is"))?;
        Ok(Self { address: address.to_owned(), directory: directory.to_owned() })
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let _ended = script("down", &self.directory).status();
    }
}

fn script(name: &str, directory: &Path) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository");
    let mut script = Command::new(root.join("deploy/scripts/servers.sh"));
    script.arg(name).arg("--dir").arg(directory).stdin(Stdio::null());
    script
}
