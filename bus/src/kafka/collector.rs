//! Takes records from the topic to the log domain.
//!
//! Invariant: first the records are durable, then the offset beside them, then the group is told. Whatever fails, the
//! member leaves the group and begins anew at the kept offset: there is one way to start, and no other to recover. While
//! it is away another may collect, which is what a node with a full disk should have happen. A collector that is drained
//! finishes the batch in hand, so that whoever goes on begins behind it.

mod batch;
mod dead;
mod member;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use actix::{Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Running, WrapFuture as _};
use portico_kernel::Ask;
use portico_log::{Append, Offsets, Positions};
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use self::{batch::Batch, member::Member};
use super::{Failed, Settings, topics};
use crate::outage::Outage;

const AWAY: &str = "no log records are collected";
const BACK: &str = "log records are collected again";

/// Takes records from one topic to one log domain.
pub struct Collector {
    parts: Parts,
    /// Whether it is to end.
    ends: watch::Sender<bool>,
    ended: bool,
}

/// What a collector works with.
#[derive(Clone)]
pub struct Parts {
    /// How Kafka is reached.
    pub settings: Arc<Settings>,
    /// Whoever keeps the records.
    pub append: Ask<Append>,
    /// Where it is kept how far they have come: with the records.
    pub positions: Arc<dyn Positions>,
    /// What is counted.
    pub counts: Arc<Counts>,
}

/// What a collector counts.
#[derive(Debug, Default)]
pub struct Counts {
    collected: AtomicU64,
    dead: AtomicU64,
    lag: AtomicU64,
}

impl Counts {
    /// Records that were taken from the topic and kept, repetitions among them.
    pub fn collected(&self) -> u64 {
        self.collected.load(Relaxed)
    }

    /// Messages that were no records.
    pub fn dead(&self) -> u64 {
        self.dead.load(Relaxed)
    }

    /// Messages of this node's partitions that are not kept yet, as of a second ago or so.
    pub fn lag(&self) -> u64 {
        self.lag.load(Relaxed)
    }
}

impl Collector {
    /// Collects by these.
    pub fn new(parts: Parts) -> Self {
        Self { parts, ends: watch::Sender::new(false), ended: false }
    }
}

impl Actor for Collector {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let collecting = collect(self.parts.clone(), self.ends.subscribe()).into_actor(self);
        context.spawn(collecting.map(|(), collector, context| {
            collector.ended = true;
            context.stop();
        }));
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.ends.send_replace(true);
        if self.ended { Running::Stop } else { Running::Continue }
    }
}

/// Collects until it is to end, as one member of the group after the other.
async fn collect(parts: Parts, mut ends: watch::Receiver<bool>) {
    let mut outage = Outage::default();
    loop {
        // Whatever waits for Kafka may be left at any point.
        let joined = tokio::select! {
            joined = join(&parts) => joined,
            _ = ends.wait_for(|ends| *ends) => return,
        };
        let collected = match joined {
            Ok(member) => collect_as(&parts, member, &mut outage, &ends).await,
            Err(failed) => Err(failed),
        };
        parts.counts.lag.store(0, Relaxed);
        let Err(failed) = collected else { return };
        outage.tell(AWAY, &failed);
        tokio::select! {
            () = sleep(outage.wait()) => {}
            _ = ends.wait_for(|ends| *ends) => return,
        }
    }
}

/// Collects as a member until it is to end, or something fails. Leaving the group takes a while, and so a thread that may
/// block.
async fn collect_as(
    parts: &Parts,
    member: Arc<Member>,
    outage: &mut Outage,
    ends: &watch::Receiver<bool>,
) -> Result<(), Failed> {
    let mut collected = Ok(());
    while collected.is_ok() && !*ends.borrow() {
        collected = collect_batch(parts, &member).await;
        if collected.is_ok() {
            outage.ended(BACK);
        }
    }
    let _left = spawn_blocking(move || drop(member)).await;
    collected
}

/// Takes what comes within a short time, and has it kept.
async fn collect_batch(parts: &Parts, member: &Arc<Member>) -> Result<(), Failed> {
    let taking = Arc::clone(member);
    let batch = spawn_blocking(move || taking.take()).await;
    match batch.map_err(|crashed| Failed::new("topic cannot be read", crashed))?? {
        Some(batch) => keep(parts, member, batch).await,
        None => Ok(()),
    }
}

/// Joins the group; a node whose disk takes nothing stays out of it.
async fn join(parts: &Parts) -> Result<Arc<Member>, Failed> {
    let unkept = |error| Failed::new("offsets cannot be kept", error);
    topics::make(&parts.settings).await?;
    let (settings, counts) = (Arc::clone(&parts.settings), Arc::clone(&parts.counts));
    let member = spawn_blocking(move || Member::new(&settings, counts)).await;
    let member = member.map_err(|crashed| Failed::new("Kafka's client cannot be made", crashed))??;
    parts.positions.keep(member.stream(), &Offsets::new()).await.map_err(unkept)?;
    let kept = parts.positions.of(member.stream()).await.map_err(unkept)?;
    member.join(kept)?;
    Ok(Arc::new(member))
}

/// Has a batch kept, and its end after it.
async fn keep(parts: &Parts, member: &Member, batch: Batch) -> Result<(), Failed> {
    let (records, dead) = (batch.records.len() as u64, batch.dead.len() as u64);
    dead::bury(&parts.settings, batch.dead).await?;
    if records > 0 {
        let append = Append { records: batch.records.into() };
        parts.append.ask(append).await.map_err(|error| Failed::new("records cannot be kept", error))?;
    }
    let kept = parts.positions.keep(member.stream(), &batch.next).await;
    kept.map_err(|error| Failed::new("offsets cannot be kept", error))?;
    parts.counts.collected.fetch_add(records, Relaxed);
    parts.counts.dead.fetch_add(dead, Relaxed);
    member.kept(batch.next)
}
