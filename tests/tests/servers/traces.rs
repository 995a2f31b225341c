//! What a set of servers could leave behind: processes, its directory, and segments of shared memory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portico_tests::{Servers, eventually};

/// Process id and state of each process that works in a server's home, as the system tells it.
pub(crate) fn processes(servers: &Servers, name: &str) -> Vec<(u32, char)> {
    let home = servers.directory().join(name).join("home");
    living().filter(|&(pid, _)| works_in(pid, &home)).collect()
}

/// What there was of a set while it was up.
pub(crate) struct Traces {
    directory: PathBuf,
    segment: Option<String>,
}

impl Traces {
    /// Looks at a set that is up.
    pub(crate) fn of(servers: &Servers) -> Self {
        let directory = servers.directory().to_owned();
        let lockfile = fs::read_to_string(directory.join("postgres/home/data/postmaster.pid"));
        let segment =
            lockfile.ok().map(|text| text.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned());
        assert!(segment.iter().all(|id| segments().contains(id)), "PostgreSQL's segment is {segment:?}");
        assert!(!Self { directory: directory.clone(), segment: None }.left().is_empty(), "processes can be seen");
        Self { directory, segment }
    }

    /// Waits until nothing of it is left; whoever watches over a set looks once a second.
    pub(crate) async fn gone(&self) {
        assert!(!self.directory.exists(), "the directory is left");
        assert!(self.segment.iter().all(|id| !segments().contains(id)), "shared memory is left");
        eventually("the end of all processes", async || self.left().is_empty().then_some(())).await;
    }

    fn left(&self) -> Vec<u32> {
        let name = self.directory.to_str().unwrap();
        let named = |pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(name))
        };
        living().map(|(pid, _)| pid).filter(|&pid| works_in(pid, &self.directory) || named(pid)).collect()
    }
}

fn segments() -> Vec<String> {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    table.lines().filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned)).collect()
}

fn works_in(pid: u32, directory: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|path| path.starts_with(directory))
}

/// All processes but those that have ended and wait to be reaped.
fn living() -> impl Iterator<Item = (u32, char)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let state = stat.rsplit_once(") ")?.1.chars().next()?;
        (!matches!(state, 'Z' | 'X')).then_some((pid, state))
    })
}
