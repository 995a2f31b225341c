//! What carries log records between nodes: Kafka, or asking the node that keeps them.

mod grpc;
mod kafka;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use portico_config::{Config, Role, Transport};
use portico_kernel::{Ask, Supervisor};
use portico_log::{Append, Asks};
use portico_schema::log::{LogTails, SpoolFiles};
use tokio_util::sync::CancellationToken;

use super::{DIRECTORY, Domain, files};
use crate::{
    domains::{World, unopened},
    exit::Failure,
    metrics::Metrics,
};

/// What a node has that keeps its records not by itself, or not only its own.
pub(super) enum Bridges {
    /// It asks another node.
    Grpc(grpc::Bridges),
    /// By Kafka.
    Kafka(kafka::Bridges),
}

/// Opens the spool in which this node's records wait, and what carries them from there.
pub(super) fn open(world: &mut World) -> Result<(SpoolFiles, Bridges), Failure> {
    if world.config.log.transport.kind == Transport::Grpc {
        let (spool, bridges) = grpc::open(world)?;
        return Ok((spool, Bridges::Grpc(bridges)));
    }
    let (spool, bridges) = kafka::open(world)?;
    Ok((spool, Bridges::Kafka(bridges)))
}

impl Bridges {
    /// Starts them.
    pub(super) fn start(&self, root: &Supervisor) {
        match self {
            Self::Grpc(bridges) => bridges.start(root),
            Self::Kafka(bridges) => bridges.start(root),
        }
    }

    /// Sees whether they can be used at all, as far as that is known without the other side.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Grpc(_) => Ok(()),
            Self::Kafka(bridges) => bridges.check().await,
        }
    }
}

impl Domain {
    /// Keeps records of other nodes where they ask for it, and counts them; and has all records read. None where this node has
    /// no files.
    pub(crate) fn for_others(&self, config: &Config, metrics: &Metrics, stop: CancellationToken) -> Option<Asks> {
        if !config.node.hosts(Role::Log) {
            return None;
        }
        let append = (config.log.transport.kind == Transport::Grpc).then(|| {
            let collected = Arc::<AtomicU64>::default();
            let observed = Arc::clone(&collected);
            metrics.observe_collected(move || observed.load(Relaxed));
            counted(self.actor.ask(), collected)
        });
        let tails = LogTails::new(config.data.dir.join(DIRECTORY), stop);
        let tail = Ask::from_fn(move |tail| std::future::ready(tails.read(tail)));
        Some(Asks { append, tail: Some(tail) })
    }
}

/// Counts the records that are kept.
fn counted(append: Ask<Append>, collected: Arc<AtomicU64>) -> Ask<Append> {
    Ask::from_fn(move |records: Append| {
        let (append, collected, count) = (append.clone(), Arc::clone(&collected), records.records.len() as u64);
        async move {
            append.ask(records).await?;
            collected.fetch_add(count, Relaxed);
            Ok(())
        }
    })
}

/// Opens the spool: what a node cannot do without, as `name` tells, while whoever takes its records may be away.
fn spool(world: &mut World, name: &'static str) -> Result<SpoolFiles, Failure> {
    let directory = world.data("spool");
    let bytes_max = world.config.log.transport.spool_max_bytes;
    let spool = SpoolFiles::open(directory.clone(), bytes_max).map_err(unopened(&directory))?;
    let (observed, probed) = (spool.clone(), spool.clone());
    world.metrics.observe_spool(move || observed.bytes());
    world.probe(name, move || {
        let spool = probed.clone();
        async move { portico_log::Store::check(&spool).await }
    });
    Ok(spool)
}
