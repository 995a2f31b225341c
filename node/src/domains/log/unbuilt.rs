//! What a binary without the feature `distributed` has in place of `bridges`: nothing, as `adapters` says.

use std::future::Ready;

use portico_kernel::Supervisor;
use portico_schema::log::SpoolFiles;

use crate::{domains::World, exit::Failure};

/// There is none.
pub(super) enum Bridges {}

/// Is not called.
pub(super) fn open(_: &mut World) -> Result<(SpoolFiles, Bridges), Failure> {
    unreachable!("the node has seen which adapters it has")
}

impl Bridges {
    pub(super) fn start(&self, _: &Supervisor) {
        match *self {}
    }

    pub(super) fn check(&self) -> Ready<Result<(), Failure>> {
        match *self {}
    }
}
