//! The crash driver: what was acknowledged stands, however often the process or its actors crash.
//!
//! Clients keep a node busy and write down what it acknowledged. Then the process is killed, again and again ([`kills`]), or
//! its actors are crashed by injected panics while it runs on ([`panics`]). What was written down is held against what the
//! node says afterwards, and against its databases, its files and its log. A kill leaves the system's cache alive, and so
//! [`power`] cuts the power: it holds against the same promises what a disk would have kept. [`faults`] leaves the node alone
//! and cuts it off from the servers that it depends on. [`nodes`] restarts and kills nodes of many, and slows and cuts the ways between
//! them.
//!
//! - `findings`: what was counted and what was found wrong; `report` prints it.
//! - `wire`: makes each `call` of the API and judges the form of what it says. `journal`: what one account was promised.
//! - `load`: what clients do at a fixed schedule, one `turn` after the other. `calls`: what they were answered, and when.
//! - `client`: somebody with many accounts who does this and that; `operations`: each thing that can be done.
//! - `settle`: an operation without an answer either happened or did not, as a whole; here it is found out which.
//! - `check`: holds an account's journal against the API. `rows`, `sessions`, `content`, `logs`: against what lies in the data
//!   directory or at servers. `finale` does all of it at the end.
//! - `power`: a tracer, a model of the disk, and what the node lived through. Wants `strace`.
//! - `process`: starts nodes, looks at what a process holds, and reads the supervision tree.

mod call;
mod calls;
mod check;
mod client;
mod content;
pub mod faults;
mod finale;
mod findings;
mod journal;
pub mod kills;
mod load;
mod logs;
pub mod nodes;
mod operations;
pub mod panics;
mod pictures;
pub mod power;
mod process;
mod report;
mod rows;
mod sessions;
mod settle;
mod turn;
mod wire;

pub(crate) use finale::hold_together;
pub use findings::Findings;
pub(crate) use process::home;
pub use report::{Table, write};
pub(crate) use rows::Rows;

use std::{path::PathBuf, sync::Arc};

use crate::{Home, Servers};

/// How many clients work at the same time.
const CLIENTS: usize = 8;

/// What is to be done.
#[derive(Clone)]
pub struct Plan {
    /// The node's binary.
    pub binary: PathBuf,
    /// Decides what clients do and when a node is killed. Threads and disks add chance of their own.
    pub seed: u64,
    /// The most operations that are acknowledged between two kills.
    pub operations_max: u64,
    /// Print a line now and then.
    pub talks: bool,
    /// What keeps rows, sessions and photos, and carries events and log records; none for the data directory.
    pub servers: Option<Arc<Servers>>,
}

impl Plan {
    /// A home where crashes can be many, over the plan's servers.
    fn home(&self) -> Home {
        let Some(servers) = self.servers.as_deref() else { return home() };
        let home = home().over(servers);
        if servers.has("KAFKA") { home.with_logs_by(servers) } else { home }
    }

    /// Tells whoever watches, and what was found wrong since the last time.
    fn say(&self, findings: &Findings, line: impl FnOnce() -> String) {
        if self.talks {
            println!("{}", line());
            findings.news().iter().for_each(|violation| println!("  WRONG: {violation}"));
        }
    }

    fn random(&self, stream: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(stream))
    }
}
