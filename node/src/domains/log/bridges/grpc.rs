//! Starts what carries log records over gRPC, from this node's spool to the node that keeps them.

use std::sync::Arc;

use portico_bus::Forwarder;
use portico_kernel::{Ask, Spec, Supervisor};
use portico_log::{Append, Spool};
use portico_schema::log::SpoolFiles;

use super::spool;
use crate::{
    domains::{World, elsewhere},
    exit::Failure,
};

/// What a node carries.
pub(in crate::domains::log) struct Bridges {
    spool: SpoolFiles,
    append: Ask<Append>,
}

/// Opens the spool, and the way to the node that keeps records.
pub(super) fn open(world: &mut World) -> Result<(SpoolFiles, Bridges), Failure> {
    // That node itself may be away: it is the spool that this one cannot do without.
    let spool = spool(world, "spool:log")?;
    let append = elsewhere::logs(world)?;
    Ok((spool.clone(), Bridges { spool, append }))
}

impl Bridges {
    /// Starts the forwarder.
    pub(super) fn start(&self, root: &Supervisor) {
        let (spool, append) = (Arc::new(self.spool.clone()) as Arc<dyn Spool>, self.append.clone());
        root.supervise(Spec::new("log-forwarder").on("log-forwarder"), move || {
            Forwarder::new(Arc::clone(&spool), &append)
        });
    }
}
