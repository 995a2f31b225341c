//! What a binary without the feature `distributed` has in place of `kafka`: nothing, and it says so.

use std::future::Ready;

use portico_kernel::Supervisor;
use portico_schema::log::SpoolFiles;

use crate::{domains::World, exit::Failure};

/// There is none.
pub(super) enum Bridges {}

/// Refuses.
pub(super) fn open(_: &mut World) -> Result<(SpoolFiles, Bridges), Failure> {
    Err(Failure::config(
        "log.transport.kind: kafka is not in this binary; build it with `--features distributed`, or say local",
    ))
}

impl Bridges {
    pub(super) fn start(&self, _: &Supervisor) {
        match *self {}
    }

    pub(super) fn check(&self) -> Ready<Result<(), Failure>> {
        match *self {}
    }
}
