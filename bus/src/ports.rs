//! What a broker of events must be able to do, at either end.
//!
//! Invariant: at least once. An event is confirmed only after whoever must know has it or has durably queued it, and
//! acknowledged only after its consumer has committed; whoever consumes applies an event by its version, so that a
//! repeat has no second effect.

use async_trait::async_trait;
use futures_util::future::pending;
use portico_kernel::{Event, Source};

/// Takes committed events on their way. Local delivery implements it, and RabbitMQ with publisher confirms.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Publishes `events` in order, without waiting for one's confirm before the next. Ok once all are confirmed.
    ///
    /// # Errors
    /// [`Refused`] at the first event that is not confirmed. Later ones may have arrived all the same; they are
    /// published again.
    async fn publish(&self, events: &[Event]) -> Result<(), Refused>;

    /// Resolves when something is there again for want of which events were not confirmed, so that whoever waits before it
    /// tries again need wait no longer. A broker that does not know says nothing.
    async fn returned(&self) {
        pending::<()>().await;
    }
}

/// An event that was not confirmed.
#[derive(Debug)]
pub struct Refused {
    /// How many events before it were confirmed.
    pub confirmed: usize,
    /// Why it was not.
    pub reason: Reason,
}

/// Why an event was not applied or not confirmed.
#[derive(Debug)]
pub enum Reason {
    /// It could not be for now: repeat it.
    Unavailable(Source),
    /// It never can be: set it aside, and tell an operator. It says which consumer answered which code.
    Poison(String),
}

/// Brings events that some node published. RabbitMQ implements it, with one queue a domain.
#[async_trait]
pub trait Intake: Send + Sync + 'static {
    /// The next event, as soon as there is one. Cancelling the wait loses none.
    async fn next(&self) -> Result<Box<dyn Delivery>, Source>;
}

/// An event that was brought and not yet settled. Dropping it unsettled has the broker deliver it again.
#[async_trait]
pub trait Delivery: Send {
    /// What was brought.
    fn event(&self) -> &Event;

    /// Settles an event that its consumers have committed.
    async fn acknowledge(self: Box<Self>) -> Result<(), Source>;

    /// Gives back an event that could not be applied for now.
    async fn release(self: Box<Self>) -> Result<(), Source>;

    /// Sends an event that can never be applied to the dead-letter queue.
    async fn reject(self: Box<Self>, reason: &str) -> Result<(), Source>;
}
