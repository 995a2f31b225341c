//! What a binary without it has: no other node asks it anything.

use std::{future::Ready, net::SocketAddr};

use portico_kernel::Deadline;

use crate::{exit::Failure, node::Node};

/// Never there.
pub(crate) enum Nodes {}

impl Nodes {
    #[expect(clippy::unnecessary_wraps, reason = "another binary can fail at it")]
    pub(crate) fn open(_: &Node) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match *self {}
    }

    pub(crate) fn close(self, _: Deadline) -> Ready<()> {
        match self {}
    }
}
