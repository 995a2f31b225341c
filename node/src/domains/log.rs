//! Starts the log domain.

use std::{sync::Arc, time::Duration};

use portico_config::Log;
use portico_kernel::{Clock, Ref, Spec};
use portico_log::{Flush, Inbox, Layer, Limits, Logs, Origin, Store, channel};
use portico_schema::log::{LogFiles, LogSettings};

use super::{World, unopened};
use crate::exit::Failure;

/// The most bytes of records that may wait for the disk.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The receiving end of everything that is logged in this process.
#[derive(Clone)]
pub(crate) struct Journal(pub(crate) Inbox);

impl Journal {
    /// A journal, and the layer that fills it.
    pub(crate) fn new(config: &Log, clock: Arc<dyn Clock>) -> (Layer, Self) {
        let origin = Origin::new(instance(), env!("CARGO_PKG_VERSION"));
        let limits = Limits { records_max: config.queue_max, bytes_max: QUEUE_BYTES_MAX };
        let (layer, inbox) = channel(origin, limits, clock);
        (layer, Self(inbox))
    }
}

/// The name of this machine, which tells its records from another's.
fn instance() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The running log domain.
pub(crate) struct Domain {
    actor: Ref<Logs>,
    inbox: Inbox,
    store: Arc<dyn Store>,
}

/// Starts the log domain over its files.
pub(super) fn start(world: &mut World, journal: Journal) -> Result<Domain, Failure> {
    let (directory, config) = (world.data("logs"), &world.config.log);
    let settings = LogSettings {
        dir: directory.clone(),
        rotate_bytes: config.rotate_bytes,
        keep_days: config.keep_days,
        keep_bytes: config.keep_bytes,
    };
    let files = LogFiles::open(settings, Arc::clone(&world.clock)).map_err(unopened(&directory))?;
    let store: Arc<dyn Store> = Arc::new(files);
    let (Journal(inbox), flush) = (journal, Duration::from_millis(config.flush_ms));
    let actor = world.root.supervise(Spec::new("log").on("log"), {
        let (inbox, store) = (inbox.clone(), Arc::clone(&store));
        move || Logs::new(inbox.clone(), Arc::clone(&store), flush)
    });
    let observed = inbox.clone();
    world.metrics.observe_log(move || observed.stats());
    let probed = Arc::clone(&store);
    world.probe("files:log", move || {
        let store = Arc::clone(&probed);
        async move { store.check().await }
    });
    Ok(Domain { actor, inbox, store })
}

impl Domain {
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
