//! Servers of this run's own, by the script that tests start theirs with.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    process::{Process, processes},
    run::Failure,
};

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

    /// The CPU time that PostgreSQL has used until now, with all its processes.
    pub(super) fn postgres_cpu(&self) -> Result<Duration, Failure> {
        let path = self.directory.join("postgres/home/data/postmaster.pid");
        let file = fs::read_to_string(&path).map_err(Failure::io(path.display().to_string()))?;
        let postmaster = file.lines().next().unwrap_or_default().trim();
        let postmaster: u32 = postmaster.parse().map_err(Failure::said)?;
        let used = |process: &Process| process.id == postmaster || process.parent == postmaster;
        Ok(processes()?.iter().filter(|process| used(process)).map(|process| process.cpu).sum())
    }

    /// The same of Redis, which is one process, and is called by where it listens.
    pub(super) fn redis_cpu(&self) -> Result<Duration, Failure> {
        let address = self.setting("REDIS_URL")?.rsplit('@').next().unwrap_or_default();
        let is_it = |process: &&Process| {
            let title = fs::read_to_string(format!("/proc/{}/cmdline", process.id)).unwrap_or_default();
            title.contains("-server ") && title.contains(address)
        };
        let found = processes()?.iter().find(is_it).map(|redis| redis.cpu);
        found.ok_or_else(|| Failure::said(format!("no process is called by {address}")))
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
