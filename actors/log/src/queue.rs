//! The queue between everybody who logs and the one who writes.
//!
//! Invariant: bounded by records and by bytes, and a push never waits: when it is full the newest is refused and counted.
//! What was taken from the queue stays in hand until it is settled, whatever becomes of the actor meanwhile.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use portico_kernel::{Clock, StoreError};
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{
    Error, Faults, Layer, Origin, Record, Service, Severity, Stats, Store,
    line::{OriginJson, Parts, finish, json},
};

/// The most records that one batch takes from the queue.
const BATCH_RECORDS_MAX: usize = 4_096;
/// The bytes at which a batch is closed.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most records, at least 1.
    pub records_max: usize,
    /// The most bytes of lines.
    pub bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { records_max: 65_536, bytes_max: 64 * 1024 * 1024 }
    }
}

/// Makes the queue of this process: the layer that fills it, and the inbox that an actor empties.
///
/// # Panics
/// When `limits` lets no record wait.
pub fn channel(origin: Origin, limits: Limits, clock: Arc<dyn Clock>) -> (Layer, Inbox) {
    let (queue, receiver) = mpsc::channel(limits.records_max);
    let gauge = Arc::new(Gauge::new(limits));
    let (sender, faults) = (Sender { queue: queue.clone(), gauge: Arc::clone(&gauge) }, Faults::default());
    let layer = Layer::new(sender, Arc::clone(&clock), &origin, faults.clone());
    let hand = Mutex::new(Hand { receiver, sequence: 0, batch: None });
    (layer, Inbox(Arc::new(Shared { queue, gauge, hand, origin, clock, faults })))
}

/// A line without its end, on its way to the inbox.
pub(crate) struct Offer {
    pub(crate) service: Service,
    pub(crate) time: OffsetDateTime,
    pub(crate) line: Vec<u8>,
}

enum Item {
    Offer(Offer),
    /// Answered once everything before it is settled.
    Marker(oneshot::Sender<()>),
}

/// The end that everybody who logs holds.
pub(crate) struct Sender {
    queue: mpsc::Sender<Item>,
    gauge: Arc<Gauge>,
}

impl Sender {
    /// Takes the record, or refuses and counts it.
    pub(crate) fn offer(&self, offer: Offer) {
        let (gauge, length) = (&*self.gauge, offer.line.len());
        gauge.offered.fetch_add(1, Relaxed);
        let before = gauge.bytes.fetch_add(length, Relaxed);
        if before + length > gauge.limits.bytes_max {
            return gauge.refuse(offer.service, length);
        }
        match self.queue.try_send(Item::Offer(offer)) {
            Ok(()) => gauge.wake_if_half_full(before, length, self.queue.capacity()),
            Err(
                mpsc::error::TrySendError::Full(Item::Offer(offer))
                | mpsc::error::TrySendError::Closed(Item::Offer(offer)),
            ) => {
                gauge.refuse(offer.service, length);
            }
            Err(_) => unreachable!("what comes back is what was sent"),
        }
    }
}

/// What both ends count.
struct Gauge {
    limits: Limits,
    bytes: AtomicUsize,
    offered: AtomicU64,
    accepted: AtomicU64,
    refused: Mutex<BTreeMap<Service, Refused>>, // touched by those who log only when the queue is full
    failures: AtomicU64,
    failing: AtomicBool,
    wake: Notify,
}

#[derive(Default)]
struct Refused {
    total: u64,
    reported: u64,
}

impl Gauge {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: AtomicUsize::new(0),
            offered: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: Mutex::default(),
            failures: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    fn refuse(&self, service: Service, length: usize) {
        self.bytes.fetch_sub(length, Relaxed);
        lock(&self.refused).entry(service).or_default().total += 1;
    }

    /// Wakes the writer before its time, once, when the queue becomes half full: a wake-up costs the caller more than
    /// all else, so it is not paid for each record.
    fn wake_if_half_full(&self, bytes_before: usize, length: usize, free: usize) {
        let half = self.limits.bytes_max / 2;
        let by_bytes = bytes_before < half && bytes_before + length >= half;
        if by_bytes || free == self.limits.records_max / 2 {
            self.wake.notify_one();
        }
    }

    /// How many of each service were refused since this was last asked.
    fn unreported(&self) -> Vec<(Service, u64)> {
        let mut refused = lock(&self.refused);
        let unreported = refused.iter_mut().filter(|(_, refused)| refused.total > refused.reported);
        unreported
            .map(|(service, refused)| {
                let count = refused.total - mem::replace(&mut refused.reported, refused.total);
                (service.clone(), count)
            })
            .collect()
    }
}

/// The end that the actor empties. Cheap to clone; outlives the actor's restarts.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    queue: mpsc::Sender<Item>,
    gauge: Arc<Gauge>,
    hand: Mutex<Hand>,
    origin: Origin,
    clock: Arc<dyn Clock>,
    faults: Faults,
}

/// What was taken from the queue and is not settled yet.
struct Hand {
    receiver: mpsc::Receiver<Item>,
    sequence: u64,
    batch: Option<Batch>,
}

struct Batch {
    records: Arc<[Record]>,
    /// How many of them were offered; the rest are reports of what was refused.
    offered: u64,
    markers: Vec<oneshot::Sender<()>>,
}

impl Inbox {
    /// The last warnings and errors of this process.
    pub fn faults(&self) -> Faults {
        self.0.faults.clone()
    }

    /// What became of the records that were offered.
    pub fn stats(&self) -> Stats {
        let (gauge, now) = (&*self.0.gauge, self.0.clock.now());
        let (in_hand, oldest) = self.in_hand();
        let refused_by_service: BTreeMap<_, _> =
            lock(&gauge.refused).iter().map(|(service, refused)| (service.clone(), refused.total)).collect();
        Stats {
            accepted: gauge.accepted.load(Relaxed),
            offered: gauge.offered.load(Relaxed),
            refused: refused_by_service.values().sum(),
            refused_by_service,
            waiting: in_hand + (gauge.limits.records_max - self.0.queue.capacity()) as u64,
            waiting_bytes: gauge.bytes.load(Relaxed),
            failures: gauge.failures.load(Relaxed),
            failing: gauge.failing.load(Relaxed),
            lag: oldest.map_or(time::Duration::ZERO, |oldest| now - oldest),
        }
    }

    /// Writes all that waits to `store` without an actor: what a node does last of all.
    ///
    /// # Errors
    /// The store's. What it did not take still waits.
    pub async fn drain(&self, store: &dyn Store) -> Result<(), StoreError> {
        while let Some(records) = self.batch() {
            self.write(&records, store).await?;
        }
        Ok(())
    }

    /// Waits until all that was offered before is settled.
    pub(crate) async fn flushed(&self) -> Result<(), Error> {
        let (marker, settled) = oneshot::channel();
        self.0.queue.send(Item::Marker(marker)).await.map_err(|_| Error::Closed)?;
        self.0.gauge.wake.notify_one();
        settled.await.map_err(|_| Error::Closed)
    }

    /// Waits until it is time to write: `tick` at the most.
    pub(crate) async fn wait(&self, tick: Duration) {
        let _woken_or_late = tokio::time::timeout(tick, self.0.gauge.wake.notified()).await;
    }

    /// The batch in hand, or else what waits in the queue. The same batch is given out until it is settled.
    pub(crate) fn batch(&self) -> Option<Arc<[Record]>> {
        let mut hand = lock(&self.0.hand);
        if hand.batch.is_none() {
            hand.batch = self.0.take(&mut hand);
        }
        hand.batch.as_ref().map(|batch| Arc::clone(&batch.records))
    }

    /// Whether the next batch need not wait any longer: it is in hand, or the queue has enough for it.
    pub(crate) fn has_a_full_batch(&self) -> bool {
        let Gauge { limits, bytes, .. } = &*self.0.gauge;
        let queued = limits.records_max - self.0.queue.capacity();
        queued >= BATCH_RECORDS_MAX || bytes.load(Relaxed) >= BATCH_BYTES || lock(&self.0.hand).batch.is_some()
    }

    /// Writes one batch and settles it.
    pub(crate) async fn write(&self, records: &Arc<[Record]>, store: &dyn Store) -> Result<(), StoreError> {
        let written = if records.is_empty() { Ok(()) } else { store.append(Arc::clone(records)).await };
        self.0.gauge.failing.store(written.is_err(), Relaxed);
        match &written {
            Ok(()) => self.settle(records),
            Err(_) => _ = self.0.gauge.failures.fetch_add(1, Relaxed),
        }
        written
    }

    /// Counts a batch as accepted. Nothing happens when it was settled before: an actor that crashed may have left a
    /// writer behind.
    fn settle(&self, records: &Arc<[Record]>) {
        let settled = lock(&self.0.hand).batch.take_if(|batch| Arc::ptr_eq(&batch.records, records));
        let Some(batch) = settled else { return };
        self.0.gauge.accepted.fetch_add(batch.offered, Relaxed);
        for marker in batch.markers {
            let _nobody_waits = marker.send(());
        }
    }

    fn in_hand(&self) -> (u64, Option<OffsetDateTime>) {
        let hand = lock(&self.0.hand);
        let batch = hand.batch.as_ref();
        (
            batch.map_or(0, |batch| batch.offered),
            batch.and_then(|batch| batch.records.first()).map(|oldest| oldest.time),
        )
    }
}

impl Shared {
    /// Takes a batch from the queue, with reports of what was refused since the last.
    fn take(&self, hand: &mut Hand) -> Option<Batch> {
        let (mut records, mut markers, mut bytes) = (Vec::new(), Vec::new(), 0);
        while records.len() + markers.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES {
            match hand.receiver.try_recv() {
                Ok(Item::Offer(offer)) => {
                    bytes += offer.line.len();
                    records.push(self.record(hand, offer));
                }
                Ok(Item::Marker(marker)) => markers.push(marker),
                Err(_) => break,
            }
        }
        self.gauge.bytes.fetch_sub(bytes, Relaxed);
        let offered = records.len() as u64;
        records.extend(self.gauge.unreported().into_iter().map(|(service, count)| {
            let report = self.report(&service, count);
            self.record(hand, report)
        }));
        let empty = records.is_empty() && markers.is_empty();
        (!empty).then(|| Batch { records: records.into(), offered, markers })
    }

    fn record(&self, hand: &mut Hand, Offer { service, time, mut line }: Offer) -> Record {
        hand.sequence += 1;
        finish(&mut line, hand.sequence);
        Record::new(service, time, &self.origin, hand.sequence, line)
    }

    /// Says that records were refused.
    fn report(&self, of: &Service, count: u64) -> Offer {
        let (time, mut attributes, mut line) = (self.clock.now(), Vec::new(), Vec::new());
        attributes.extend_from_slice(b"\"log.refused.service\":");
        json(&mut attributes, of.as_str());
        attributes.extend_from_slice(b",\"log.refused.count\":");
        json(&mut attributes, count);
        let parts = Parts {
            time,
            severity: Severity::Warn,
            trace: None,
            body_json: b"\"records refused: the log's queue was full\"",
            attributes_json: &attributes,
            service: &Service::LOG,
            scope: module_path!(),
        };
        parts.write(&OriginJson::new(&self.origin), &mut line);
        Offer { service: Service::LOG, time, line }
    }
}

/// What is behind these locks is whole between any two statements that can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
