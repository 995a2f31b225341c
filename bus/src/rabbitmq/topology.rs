//! What must be there on the server. Declaring what is there already changes nothing.
//!
//! ```text
//! exchange portico.user (topic)     publishers; routing keys are the kinds of events: user.registered ...
//!   └─ user.# ─► queue portico.photo.user-events (quorum), one for each consuming domain
//!                  ├─ delivered too often, or rejected ─► portico.dead-letters ─► portico.photo.user-events.dead
//!                  └─ released: a copy goes by ─► portico.dead-letters ─► portico.photo.user-events.retry, and back
//!                     after a while
//! ```

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

/// How often an event is delivered at the most without being settled: whatever consumes it has died with it so often.
const DELIVERIES_MAX: i64 = 20;
/// How long an event waits that could not be applied.
pub(super) const RETRY_AFTER_S: u32 = 2;

/// The names of everything on the server, all of which begin with one prefix.
#[derive(Debug, Clone)]
pub struct Topology {
    prefix: String,
    consumers: Vec<&'static str>,
}

/// The names of what one domain consumes from.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) name: ShortString,
    pub(super) retry: ShortString,
    pub(super) dead: ShortString,
}

impl Topology {
    /// The events of users for the domains `consumers`, under names that begin with `prefix`. A prefix of other than a few
    /// dozen plain characters is refused by configuration.
    pub fn new(prefix: impl Into<String>, consumers: &[&'static str]) -> Self {
        Self { prefix: prefix.into(), consumers: consumers.to_vec() }
    }

    /// Where events are published.
    pub(super) fn exchange(&self) -> ShortString {
        format!("{}.user", self.prefix).into()
    }

    /// Through which an event goes on from a queue that gives it up, under the name of the next.
    pub(super) fn dead_letters(&self) -> ShortString {
        format!("{}.dead-letters", self.prefix).into()
    }

    /// What the domain `consumer` consumes from.
    pub(super) fn queue(&self, consumer: &str) -> Queue {
        let name = format!("{}.{consumer}.user-events", self.prefix);
        Queue { retry: format!("{name}.retry").into(), dead: format!("{name}.dead").into(), name: name.into() }
    }

    /// Has all of it be there.
    pub(super) async fn declare(&self, on: &Channel) -> lapin::Result<()> {
        for (name, kind) in [(self.exchange(), ExchangeKind::Topic), (self.dead_letters(), ExchangeKind::Direct)] {
            let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
            on.exchange_declare(name, kind, durable, FieldTable::default()).await?;
        }
        for consumer in &self.consumers {
            self.declare_queue(on, self.queue(consumer)).await?;
        }
        Ok(())
    }

    /// Finds out whether the server has the exchange. If not, the channel is closed, and the next one declares it again.
    pub(super) async fn find(&self, on: &Channel) -> lapin::Result<()> {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        on.exchange_declare(self.exchange(), ExchangeKind::Topic, passive, FieldTable::default()).await
    }

    /// Those that are pointed to first, so that nothing is ever given up into nowhere.
    async fn declare_queue(&self, on: &Channel, queue: Queue) -> lapin::Result<()> {
        let dead_letters = self.dead_letters();
        declare(on, &queue.dead, []).await?;
        bind(on, &queue.dead, &dead_letters, &queue.dead).await?;
        let limit = ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERIES_MAX));
        declare(on, &queue.name, goes_to(&dead_letters, &queue.dead).into_iter().chain([limit])).await?;
        bind(on, &queue.name, &dead_letters, &queue.name).await?;
        bind(on, &queue.name, &self.exchange(), &"user.#".into()).await?;
        let wait = ("x-message-ttl", AMQPValue::LongLongInt(i64::from(RETRY_AFTER_S) * 1000));
        declare(on, &queue.retry, goes_to(&dead_letters, &queue.name).into_iter().chain([wait])).await?;
        bind(on, &queue.retry, &dead_letters, &queue.retry).await
    }
}

/// What a queue gives up goes on through `exchange` under `key`, and leaves the queue only once it has arrived.
fn goes_to(exchange: &ShortString, key: &ShortString) -> [(&'static str, AMQPValue); 4] {
    let text = |text: &str| AMQPValue::LongString(text.into());
    [
        ("x-dead-letter-exchange", text(exchange.as_str())),
        ("x-dead-letter-routing-key", text(key.as_str())),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")), // that strategy asks for it
    ]
}

async fn declare(
    on: &Channel,
    name: &ShortString,
    arguments: impl IntoIterator<Item = (&'static str, AMQPValue)>,
) -> lapin::Result<()> {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    for (key, value) in arguments {
        table.insert(key.into(), value);
    }
    on.queue_declare(name.clone(), QueueDeclareOptions::durable(), table).await.map(drop)
}

async fn bind(on: &Channel, queue: &ShortString, to: &ShortString, key: &ShortString) -> lapin::Result<()> {
    on.queue_bind(queue.clone(), to.clone(), key.clone(), QueueBindOptions::default(), FieldTable::default()).await
}
