//! Takes deliveries from the queue of one domain.
//!
//! Invariant: a delivery is acknowledged once its event was applied, or once a copy of it waits in the retry queue. One that
//! is dropped unsettled goes back to the queue, and so do all when the connection is lost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use lapin::{
    Acker, Consumer,
    message::Delivery as Arrived,
    options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions},
    types::FieldTable,
};
use portico_kernel::{Event, Source};
use tokio::sync::Mutex;

use super::{
    Settings, Topology, Unusable,
    broker::hand_over,
    link::{Link, Open, within},
    message::{Message, releases},
    topology::{Queue, RETRY_AFTER_S},
};
use crate::{Delivery, Intake};

/// An event is given back this often, which takes a day at the least: then an operator must look at it.
const RELEASES_MAX: u32 = 24 * 60 * 60 / RETRY_AFTER_S;
/// How long the server may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Takes from a domain's queue on a RabbitMQ server. It connects when the first delivery is asked for.
pub struct RabbitIntake {
    shared: Arc<Shared>,
    consuming: Mutex<Option<(Arc<Open>, Consumer)>>,
}

struct Shared {
    link: Link,
    queue: Queue,
    /// One copy at a time: the client hands what came back to any confirm, not to its own.
    copying: Mutex<()>,
}

impl RabbitIntake {
    /// Takes from the queue of the domain `consumer`, which `topology` has.
    ///
    /// # Errors
    /// The operator's: the settings cannot be used.
    pub fn new(settings: &Settings, topology: Topology, consumer: &str) -> Result<Self, Unusable> {
        let queue = topology.queue(consumer);
        let link = Link::new("portico events in", settings, topology)?;
        let shared = Arc::new(Shared { link, queue, copying: Mutex::default() });
        Ok(Self { shared, consuming: Mutex::default() })
    }

    /// Closes the connection in order. What was taken and not settled goes back to the queue.
    ///
    /// # Errors
    /// The server does not answer any more.
    pub async fn close(&self) -> Result<(), Unusable> {
        self.shared.link.close().await
    }
}

#[async_trait]
impl Intake for RabbitIntake {
    async fn next(&self) -> Result<Box<dyn Delivery>, Source> {
        let mut consuming = self.consuming.lock().await;
        loop {
            let (open, consumer) = match &mut *consuming {
                Some(consuming) => consuming,
                none => none.insert(self.shared.consume().await?),
            };
            let lost: Source = match consumer.next().await {
                Some(Ok(arrived)) => match self.shared.read(open, arrived) {
                    Some(delivery) => return Ok(Box::new(delivery)),
                    None => continue,
                },
                Some(Err(error)) => error.into(),
                None => "the server has cancelled the consumer".into(),
            };
            let open = Arc::clone(open);
            *consuming = None;
            self.shared.link.lose(&open).await;
            return Err(lost);
        }
    }
}

impl Shared {
    async fn consume(&self) -> Result<(Arc<Open>, Consumer), Unusable> {
        let open = self.link.open().await?;
        let (queue, options) = (self.queue.name.clone(), BasicConsumeOptions::default());
        let begun = open.channel.basic_consume(queue, "".into(), options, FieldTable::default());
        match within(ANSWERED_WITHIN, begun).await {
            Ok(consumer) => Ok((open, consumer)),
            Err(error) => {
                self.link.lose(&open).await;
                Err(error)
            }
        }
    }

    /// What arrived, if it is an event. Otherwise it becomes a dead letter.
    fn read(self: &Arc<Self>, open: &Arc<Open>, arrived: Arrived) -> Option<RabbitDelivery> {
        match serde_json::from_slice(&arrived.data) {
            Ok(event) => {
                let (shared, open, releases) = (Arc::clone(self), Arc::clone(open), releases(&arrived.properties));
                Some(RabbitDelivery { shared, open, acker: arrived.acker, event, releases })
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, queue = %self.queue.name, "message is no event, and becomes a dead letter");
                self.give_up(arrived.acker, BasicNackOptions::default());
                None
            }
        }
    }

    /// Leaves a delivery to the server, without waiting for it. It has its own way when the connection is lost.
    fn give_up(&self, acker: Acker, options: BasicNackOptions) {
        self.link.runtime().spawn(async move { acker.nack(options).await });
    }
}

/// An event from the queue.
struct RabbitDelivery {
    shared: Arc<Shared>,
    /// Without its channel nothing can be settled.
    open: Arc<Open>,
    acker: Acker,
    event: Event,
    /// How often it was given back before.
    releases: u32,
}

impl RabbitDelivery {
    /// Has the server told; an error when the delivery was lost with its connection, and comes again.
    async fn settle(&self, told: impl Future<Output = lapin::Result<bool>>) -> Result<(), Unusable> {
        let in_time = within(ANSWERED_WITHIN, told).await?;
        if in_time { Ok(()) } else { Err(Unusable::for_now("the delivery was lost with its connection")) }
    }

    /// Puts a copy where it waits for its next turn.
    async fn wait_for_its_turn(&self) -> Result<(), Unusable> {
        let message = Message::of(&self.event).map_err(Unusable::for_now)?.released(self.releases + 1);
        let _one_at_a_time = self.shared.copying.lock().await;
        let exchange = self.shared.link.topology().dead_letters();
        hand_over(&self.open.channel, exchange, self.shared.queue.retry.clone(), message).await
    }
}

#[async_trait]
impl Delivery for RabbitDelivery {
    fn event(&self) -> &Event {
        &self.event
    }

    async fn acknowledge(self: Box<Self>) -> Result<(), Source> {
        Ok(self.settle(self.acker.ack(BasicAckOptions::default())).await?)
    }

    async fn release(self: Box<Self>) -> Result<(), Source> {
        if self.releases >= RELEASES_MAX {
            return self.reject("it could not be applied for a day").await;
        }
        if let Err(error) = self.wait_for_its_turn().await {
            self.shared.link.lose(&self.open).await; // the queue that it should wait in may have to be declared
            return Err(error.into());
        }
        self.acknowledge().await
    }

    async fn reject(self: Box<Self>, reason: &str) -> Result<(), Source> {
        tracing::error!(event.id = %self.event.id, event.kind = self.event.kind, reason, "event becomes a dead letter");
        Ok(self.settle(self.acker.nack(BasicNackOptions::default())).await?)
    }
}

impl Drop for RabbitDelivery {
    fn drop(&mut self) {
        if self.acker.usable() {
            self.shared.give_up(self.acker.clone(), BasicNackOptions { requeue: true, ..Default::default() });
        }
    }
}
