//! How the operator's commands reach a running node: JSON lines over a Unix socket in the data directory.
//!
//! The socket lies in a directory of mode 0700 and has mode 0600: whoever may open it may read the databases anyway.
//! Without a running node the same requests are answered by a node without a gateway, in the command's own process.

mod client;
mod protocol;
mod server;

pub(crate) use client::Desk;
pub(crate) use protocol::{ImportLine, Moved, Outcome, Places, Reply, Request};
pub(crate) use server::{Control, PhotoControl, UserControl, serve};

/// The socket's name in the data directory.
pub(crate) const SOCKET: &str = "control.sock";

/// The longest line, in bytes: a batch of accounts to import.
const LINE_MAX_BYTES: usize = 1024 * 1024;

/// The bytes of import lines at which a batch is full. Sent on, they are hardly longer, and the last one is short beside
/// the room that is left.
pub(crate) const BATCH_BYTES: usize = LINE_MAX_BYTES / 2;
