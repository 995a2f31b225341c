//! What a binary without it has: no other node asks it anything.

use std::net::SocketAddr;

use portico_kernel::Deadline;

use crate::{exit::Failure, node::Node};

/// Never there.
pub(crate) struct Nodes {
    /// Where it would listen.
    pub(crate) address: SocketAddr,
}

impl Nodes {
    #[expect(clippy::unnecessary_wraps, reason = "another binary can fail at it")]
    pub(crate) fn open(_: &Node) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) async fn close(self, _: Deadline) {}
}
