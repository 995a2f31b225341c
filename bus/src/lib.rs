//! Bridges between domains and nodes: they carry messages and events, and decide nothing.
//!
//! `ports` is what a broker of events must be able to do, at the sending end ([`Broker`]) and at the receiving end
//! ([`Intake`]); `courier` carries committed events from the outbox to whichever broker there is; `subscribers` hands an
//! event to the domains that must know, and `receiver` hands on what an intake brings. `local` is the broker within one
//! process; `rabbitmq` (the feature of that name) implements both ports over a server. `lanes` lets each subscriber have a
//! courier of its own over the same outbox, so that none waits for another. Commands need no port of their own: a bridge to
//! another node is a [`Callee`](portico_kernel::Callee) behind an [`Ask`](portico_kernel::Ask). `grpc` (the feature of that
//! name) has such bridges, and the servers that they ask.
//!
//! `kafka` (the feature of that name) carries log records from every node to the one that keeps them. So does `forwarder`,
//! by asking that node itself (the feature `grpc`).
//!
//! A node wires it so, once for each subscriber with a lane of its own, with the couriers after the subscribers and before
//! whoever commits, since a drain goes backwards:
//!
//! ```text
//! let subscribers = Subscribers::default().with("session", sessions.ask(), session::ApplyUserEvent);
//! let broker: Arc<dyn Broker> = Arc::new(LocalBroker::new(subscribers));
//! let courier = supervisor.supervise(Spec::new("courier-session"), move || Courier::new(lane.clone(), broker.clone()));
//! ```

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

mod courier;
#[cfg(feature = "grpc")]
mod forwarder;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "kafka")]
pub mod kafka;
mod lanes;
mod local;
#[cfg(any(feature = "grpc", feature = "kafka"))]
mod outage;
mod ports;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
mod receiver;
mod subscribers;

pub use courier::{Courier, Deliver, Error};
#[cfg(feature = "grpc")]
pub use forwarder::Forwarder;
pub use lanes::lanes;
pub use local::LocalBroker;
pub use ports::{Broker, Delivery, Intake, Reason, Refused};
pub use receiver::Receiver;
pub use subscribers::Subscribers;
