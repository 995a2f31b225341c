//! Starts the log domain.

#[cfg(feature = "distributed")]
mod bridges;
#[cfg(not(feature = "distributed"))]
#[path = "log/unbuilt.rs"]
mod bridges;

use std::{sync::Arc, time::Duration};

use portico_config::{Log, Role, Transport};
use portico_kernel::{Clock, Ref, Spec, Supervisor};
use portico_log::{Faults, Flush, Inbox, Layer, Limits, Logs, Origin, Store, channel};
use portico_schema::log::{LogFiles, LogSettings};

use super::{World, unopened};
use crate::exit::Failure;

/// Where files of records lie in the data directory.
pub(crate) const DIRECTORY: &str = "logs";
/// The most bytes of records that may wait for the disk.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The receiving end of everything that is logged in this process.
#[derive(Clone)]
pub(crate) struct Journal(pub(crate) Inbox);

impl Journal {
    /// A journal, and the layer that fills it.
    pub(crate) fn new(config: &Log, node: String, clock: Arc<dyn Clock>) -> (Layer, Self) {
        let origin = Origin::new(node, env!("CARGO_PKG_VERSION"));
        let limits = Limits { records_max: config.queue_max, bytes_max: QUEUE_BYTES_MAX };
        let (layer, inbox) = channel(origin, limits, clock);
        (layer, Self(inbox))
    }
}

/// The running log domain.
pub(crate) struct Domain {
    actor: Ref<Logs>,
    inbox: Inbox,
    store: Arc<dyn Store>,
    /// What carries records to the node that keeps them; none where this is the one.
    bridges: Option<bridges::Bridges>,
}

/// Starts the log domain over its files, or over the spool of what goes elsewhere.
pub(super) fn start(world: &mut World, journal: Journal) -> Result<Domain, Failure> {
    let keeps = match world.config.log.transport.kind {
        Transport::Local => true,
        Transport::Grpc => world.config.node.hosts(Role::Log),
        Transport::Kafka => false,
    };
    let (store, bridges): (Arc<dyn Store>, _) = if keeps {
        (Arc::new(files(world)?), None)
    } else {
        let (spool, bridges) = bridges::open(world)?;
        (Arc::new(spool), Some(bridges))
    };
    let (Journal(inbox), flush) = (journal, Duration::from_millis(world.config.log.flush_ms));
    let actor = world.root.supervise(Spec::new("log").on("log"), {
        let (inbox, store) = (inbox.clone(), Arc::clone(&store));
        move || Logs::new(inbox.clone(), Arc::clone(&store), flush)
    });
    let observed = inbox.clone();
    world.metrics.observe_log(move || observed.stats());
    Ok(Domain { actor, inbox, store, bridges })
}

/// Opens the files that records are kept in.
fn files(world: &mut World) -> Result<LogFiles, Failure> {
    let (directory, config) = (world.data(DIRECTORY), &world.config.log);
    let settings = LogSettings {
        dir: directory.clone(),
        rotate_bytes: config.rotate_bytes,
        keep_days: config.keep_days,
        keep_bytes: config.keep_bytes,
    };
    let files = LogFiles::open(settings, Arc::clone(&world.clock)).map_err(unopened(&directory))?;
    let probed = files.clone();
    world.probe("files:log", move || {
        let files = probed.clone();
        async move { files.check().await }
    });
    Ok(files)
}

impl Domain {
    /// Starts what carries records between nodes.
    pub(super) fn start_bridges(&self, root: &Supervisor) {
        if let Some(bridges) = &self.bridges {
            bridges.start(root);
        }
    }

    /// Sees whether what carries them can be used at all.
    ///
    /// # Errors
    /// The operator's: a setting that will never do, named with its key.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        match &self.bridges {
            Some(bridges) => bridges.check().await,
            None => Ok(()),
        }
    }

    /// The last warnings and errors.
    pub(crate) fn faults(&self) -> Faults {
        self.inbox.faults()
    }

    /// Has everything that was logged until now written down.
    pub(crate) async fn flush(&self) {
        let _told_by_the_actor = self.actor.ask().ask(Flush).await;
    }

    /// Writes what was logged after the actor stopped.
    pub(crate) async fn close(self) {
        if let Err(error) = self.inbox.drain(&*self.store).await {
            crate::output::tell(&format!("portico: the last log records could not be written: {error}"));
        }
    }
}
