//! Events over a RabbitMQ server (3.10 or later).
//!
//! Invariant: at least once. An event is confirmed once a quorum queue has it on disk, acknowledged once its consumer has
//! committed, and moved (to wait, or to the dead letters) by a copy that is confirmed first. So it may come twice and out of
//! order, never not at all.
//!
//! `topology` is what must be there on the server, declared at each connect; `link` is a connection that is made anew when
//! it is lost; `broker` publishes and `intake` takes deliveries over one each; `message` is how an event travels;
//! `settings` is where the server is, and `unusable` why it cannot be used.

mod broker;
mod intake;
mod link;
mod message;
mod settings;
mod topology;
mod unusable;

pub use self::{
    broker::RabbitBroker, intake::RabbitIntake, settings::Settings, topology::Topology, unusable::Unusable,
};
