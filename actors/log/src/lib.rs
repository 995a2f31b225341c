//! Log: the one place where every node's records become files.
//!
//! Invariant (design.md, consistency rule 6): a record is *offered* when it is logged and *accepted* once it is on disk;
//! what was accepted stands there exactly once, and what could not be taken is counted and said.
//!
//! - [`Layer`] turns each `tracing` event into one JSON line of the OpenTelemetry log data model and offers it to a
//!   bounded queue. It never waits: when the queue is full, the newest record is refused and counted.
//! - [`Inbox`] is the other end of that queue, with the batch in hand. It outlives the actor, so that a crash of the actor
//!   loses nothing.
//! - [`Logs`] is the actor: it carries batches from the inbox to the [`Store`], again and again until the store takes
//!   them. [`Append`] accepts records of other nodes, [`Flush`] waits until all that was offered is accepted.
//! - Where records are carried to another node, the store is a [`Spool`] that gives them out again, oldest first; the node
//!   that keeps them has a [`Logs`] without an inbox, and knows by its [`Positions`] how far it has come.
//! - [`Tail`] reads the files for whoever may not look into them, such as an operator who sits elsewhere.
//! - [`Faults`] are the last warnings and errors, for whoever watches the node.
//! - [`Record`] is a line with the names that decide where it goes and whether it was seen before.
//! - [`is_secret`] knows the field names whose values are never written, for whatever else prints records.
//!
//! A node wires it so (the layer before anything else, so that even the start is logged):
//!
//! ```text
//! let origin = Origin::new(instance, env!("CARGO_PKG_VERSION"));
//! let (layer, inbox) = portico_log::channel(origin, Limits::default(), clock.clone());
//! tracing_subscriber::registry().with(filter).with(layer).with(console).init();
//! let store: Arc<dyn log::Store> = Arc::new(LogFiles::open(settings, clock)?);
//! let logs = supervise(|| Logs::new(inbox.clone(), store.clone(), flush_interval));
//! metrics.observe(|| inbox.stats());               // offered, accepted, refused, lag
//! readiness.probe("logs", || store.check());
//! logs.ask::<Flush>().ask(Flush).await;             // at shutdown, before the actor drains
//! inbox.drain(&*store).await;                       // and once more, for what was said since
//! ```

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

mod actor;
mod error;
mod faults;
mod filter;
mod layer;
mod line;
mod messages;
mod model;
mod positions;
mod queue;
mod secret;
mod spool;
mod stats;
mod store;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use actor::Logs;
pub use error::Error;
pub use faults::{Fault, Faults};
pub use filter::Filter;
pub use layer::Layer;
pub use messages::*;
pub use model::*;
pub use positions::{Offsets, Positions};
pub use queue::{Inbox, Limits, channel};
pub use secret::{REDACTED, is_secret};
pub use spool::{Place, Spool, Waiting};
pub use stats::Stats;
pub use store::Store;
