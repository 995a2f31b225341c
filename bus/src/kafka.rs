//! Kafka, which carries the log records of every node to the one that keeps them.
//!
//! - [`Sender`] takes what waits in a node's spool to the topic, in its order: an idempotent producer, confirmed by all
//!   replicas, with one partition for each service of each node. What was confirmed is forgotten.
//! - [`Collector`] is a member of the consumer group. It hands records to the log domain, has the next offset kept beside
//!   the files once they are synced, and commits it after that. What is no record goes to the dead-letter topic.
//! - [`check`] says at a node's start what would never mend by itself.
//!
//! Invariant: no record is lost or stands twice, whoever of the three is killed. A sender that does not know what was
//! confirmed sends from the last known place on, without a gap; so in its partition, whatever is repeated follows the
//! records before it, and the log domain knows a repetition by (instance, boot, sequence). A collector reads on from the
//! offset beside its files, not from the committed one, unless another collector has come further.
//!
//! The group has as many active members as the topic has partitions: with one, which is the default, a node collects and
//! the others stand by.

mod check;
mod collector;
mod ears;
mod sender;
mod settings;
mod topics;

pub use check::{Refused, check};
pub use collector::{Collector, Counts, Parts};
pub use sender::Sender;
pub use settings::{Login, Mechanism, Settings, Tls};

/// Why Kafka cannot be used for now: what the library says, and what it heard of the brokers meanwhile.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
struct Failed {
    doing: &'static str,
    source: portico_kernel::Source,
}

impl Failed {
    fn new(doing: &'static str, source: impl Into<portico_kernel::Source>) -> Self {
        Self { doing, source: source.into() }
    }
}
