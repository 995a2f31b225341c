//! Servers of this run's own, by the script that tests start theirs with.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::run::Failure;

/// What begins the name of each setting in a set's `env`.
const PREFIX: &str = "PORTICO_TEST_";

/// Running servers, which end when this is dropped or with the process.
pub(super) struct Servers {
    settings: HashMap<String, String>,
    directory: PathBuf,
}

impl Servers {
    /// Starts those of `names`, which write into `directory`.
    pub(super) fn start(directory: &Path, names: &[&str]) -> Result<Self, Failure> {
        let mut up = script("up", directory);
        up.args(["--for", &std::process::id().to_string()]).args(names);
        let output = up.stderr(Stdio::inherit()).output().map_err(Failure::io("the servers' script cannot be run"))?;
        if !output.status.success() {
            return Err(Failure::said(format!("{} cannot be started: see above", names.join(" and "))));
        }
        let env = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let text = fs::read_to_string(&env).map_err(Failure::io(env))?;
        let settings = text.lines().filter_map(|line| line.strip_prefix(PREFIX)?.split_once('='));
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { settings, directory: directory.to_owned() })
    }

    /// What the script says of `PORTICO_TEST_<name>`.
    pub(super) fn setting(&self, name: &str) -> Result<&str, Failure> {
        let setting = self.settings.get(name).map(String::as_str);
        setting.ok_or_else(|| Failure::said(format!("the servers' script does not tell {PREFIX}{name}")))
    }
}

impl Drop for Servers {
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
