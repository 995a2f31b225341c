//! A member of the consumer group.
//!
//! Invariant: a batch is of one assignment. Partitions that are given to this member are read from the offset that is kept
//! beside its files, or from the committed one where another member has come further; and what was taken before they were
//! taken away, and is not kept yet, is thrown away, for whoever has them next takes it again.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use portico_log::Offsets;
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

use super::{Counts, batch::Batch};
use crate::kafka::{Failed, Settings, ears::Ears};

const UNREAD: &str = "topic cannot be read";
/// How long a batch may take to fill up.
const FILL: Duration = Duration::from_millis(200);
/// How long the brokers may take for a question.
const ANSWER: Duration = Duration::from_secs(5);

/// A member, which is a thread's to poll: one that may block.
pub(super) struct Member {
    consumer: BaseConsumer<Group>,
    stream: String,
}

/// What a member knows of its part in the group.
struct Group {
    topic: String,
    ears: Ears,
    counts: Arc<Counts>,
    kept: Mutex<Offsets>,
    /// How often partitions were given or taken away.
    changes: AtomicU64,
    /// Why they could not be taken over: the member is of no use then.
    unusable: Mutex<Option<KafkaError>>,
}

impl Member {
    /// Reaches the brokers. Blocks until they answer.
    pub(super) fn new(settings: &Settings, counts: Arc<Counts>) -> Result<Self, Failed> {
        let (topic, ears) = (settings.topic.clone(), Ears::default());
        let (kept, changes, unusable) = Default::default();
        let group = Group { topic, ears, counts, kept, changes, unusable };
        let consumer: BaseConsumer<Group> = settings
            .consumer()
            .create_with_context(group)
            .map_err(|error| Failed::new("Kafka's client cannot be made", error))?;
        // Offsets of one cluster mean nothing in another.
        let cluster = consumer.client().fetch_cluster_id(ANSWER);
        let cluster = cluster.ok_or_else(|| Failed::new("Kafka cannot be reached", "no broker answers"))?;
        Ok(Self { consumer, stream: format!("{cluster}/{}", settings.topic) })
    }

    /// What the offsets are kept under.
    pub(super) fn stream(&self) -> &str {
        &self.stream
    }

    /// Joins the group; `kept` are the offsets beside the files.
    pub(super) fn join(&self, kept: Offsets) -> Result<(), Failed> {
        let group = self.consumer.context();
        *lock(&group.kept) = kept;
        let joined = self.consumer.subscribe(&[&group.topic]);
        joined.map_err(|error| Failed::new("group cannot be joined", error))
    }

    /// What comes within a short time, as much as a batch may hold. Blocks meanwhile.
    pub(super) fn take(&self) -> Result<Option<Batch>, Failed> {
        let group = self.consumer.context();
        let (until, mut batch, mut changes) = (Instant::now() + FILL, Batch::default(), group.changes());
        while !batch.is_full() {
            let left = until.saturating_duration_since(Instant::now());
            let polled = self.consumer.poll(left);
            if group.changes() != changes {
                (batch, changes) = (Batch::default(), group.changes());
            }
            let unusable = lock(&group.unusable).take();
            match unusable.map_or(polled, |error| Some(Err(error))) {
                Some(Ok(message)) => batch.take(&message),
                Some(Err(error)) if passes(&error) => {}
                Some(Err(error)) => return Err(Failed::new(UNREAD, group.ears.explain(error))),
                None if left.is_zero() => break,
                None => {}
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Tells the group where it would read on, now that all before is kept. No answer is waited for: it is what others go
    /// by, not this member.
    pub(super) fn kept(&self, next: Offsets) -> Result<(), Failed> {
        let group = self.consumer.context();
        let committed = group.list(&next).and_then(|list| self.consumer.commit(&list, CommitMode::Async));
        lock(&group.kept).extend(next);
        committed.map_err(|error| Failed::new("offsets cannot be committed", group.ears.explain(error)))
    }
}

/// Whether the library gets over it by itself: a broker is away, and it goes on calling.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let passing = [AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve];
    matches!(error, KafkaError::MessageConsumption(code) if passing.contains(code))
}

/// What is behind these locks is whole between any two statements that can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Group {
    fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }

    fn list(&self, offsets: &Offsets) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))?;
        }
        Ok(list)
    }

    /// Where each partition is to be read from: behind everything that any member has kept.
    fn begin(&self, consumer: &BaseConsumer<Self>, given: &mut TopicPartitionList) -> KafkaResult<()> {
        let committed = consumer.committed_offsets(given.clone(), ANSWER)?;
        let kept = lock(&self.kept).clone();
        for partition in committed.elements() {
            let number = partition.partition();
            let begin = match (kept.get(&number), partition.offset()) {
                (Some(kept), Offset::Offset(committed)) => Offset::Offset(committed.max(*kept)),
                (Some(kept), _) => Offset::Offset(*kept),
                (None, Offset::Offset(committed)) => Offset::Offset(committed),
                (None, _) => Offset::Beginning,
            };
            tracing::info!(kafka.partition = number, begin = ?begin, "log records are collected from a partition");
            given.set_partition_offset(&self.topic, number, begin)?;
        }
        Ok(())
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, change: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        self.changes.fetch_add(1, Relaxed);
        let changed = if change == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.begin(consumer, partitions).and_then(|()| consumer.assign(partitions))
        } else {
            self.counts.lag.store(0, Relaxed);
            consumer.unassign()
        };
        if let Err(error) = changed {
            let _nothing_is_read_meanwhile = consumer.unassign();
            *lock(&self.unusable) = Some(error);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            self.ears.hear(&error, "offsets cannot be committed");
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.ears.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ears.hear(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.get(&self.topic).into_iter().flat_map(|topic| topic.partitions.values());
        let lag = partitions.filter_map(|partition| u64::try_from(partition.consumer_lag).ok()).sum();
        self.counts.lag.store(lag, Relaxed);
    }
}
