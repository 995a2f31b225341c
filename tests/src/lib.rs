//! Black-box tests: whole nodes, started as an operator starts them and used as a client uses them.
//!
//! Invariant: nothing here links Portico. A test sees what its users see: HTTP, signals, exit codes, output and files.
//!
//! - [`Home`]: a data directory and settings of its own; it outlives the nodes that run on it, one after the other.
//! - [`Node`]: a running node; killed when it is dropped. [`Starting`]: one of which nobody knows yet whether it will run.
//! - [`Cluster`]: many of them, two of each role, which can be restarted and killed one by one. [`Links`]: how they are connected.
//! - [`Member`]: a node of some roles, among others.
//! - [`Client`] and [`Answer`]: somebody who calls the API, and what the API said.
//! - [`Raw`]: a connection for what no well-behaved client sends.
//! - [`SmallDisk`]: a disk that can be filled while a node runs on it.
//! - [`Servers`]: real servers, to be shared or to be killed.
//! - `Collector` (with the feature `distributed`): who is told what nodes count and trace.
//! - [`Mega`]: a stand-in for Mega.nz, which cannot be reached.
//! - [`Proxy`]: the way to a server, which can be blocked, slowed down and cut. [`TlsFront`]: one that begins with TLS.
//! - [`records`]: log records, as they stand in files.
//! - [`pictures`]: uploads, good and evil.
//! - [`abuse`]: attacks, each with what must come of it.
//! - [`crash`]: kills, crashes and cuts under load, and what must be left standing.
//! - [`histories`]: what many clients do at once, and what may come of it.
//! - [`binary`]: where the binary under test comes from.

pub mod abuse;
mod apart;
mod binary;
mod client;
mod cluster;
#[cfg(feature = "distributed")]
mod collector;
pub mod crash;
pub mod histories;
mod home;
mod mega;
mod member;
mod node;
mod output;
pub mod pictures;
mod proxy;
mod raw;
pub mod records;
mod refusals;
mod servers;
mod small_disk;
mod starting;
mod terminal;
mod tls;
mod tool;

pub use binary::{beside, binary, driven};
pub use client::{Account, Answer, Client, PASSWORD, http};
pub use cluster::{Cluster, Links};
#[cfg(feature = "distributed")]
pub use collector::Collector;
pub use home::Home;
pub use mega::{Fault, Mega};
pub use member::Member;
pub use node::{Exit, Node};
pub use output::eventually;
pub use proxy::{Pace, Proxy};
pub use raw::Raw;
pub use refusals::nobody;
pub use servers::Servers;
pub use small_disk::{Refusal, SmallDisk};
pub use starting::Starting;
pub use tls::TlsFront;

/// The root of the repository.
pub fn repository() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository")
}
