//! Publishes events to the exchange, and has each confirmed.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use lapin::{Channel, Confirmation, PublisherConfirm, options::BasicPublishOptions, types::ShortString};
use portico_kernel::{Event, Source};
use tokio::time::{Instant, error::Elapsed, timeout_at};

use super::{
    Settings, Topology, Unusable,
    link::{Link, Open, within},
    message::Message,
};
use crate::{Broker, Reason, Refused};

/// How long all confirms of a batch may take.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(5);
/// A message that nobody would get comes back, and is no confirmed one.
const MANDATORY: BasicPublishOptions = BasicPublishOptions { mandatory: true, immediate: false };

/// What became of a message within its time.
type Answer = Result<lapin::Result<Confirmation>, Elapsed>;

/// Publishes to the exchange of a RabbitMQ server.
pub struct RabbitBroker {
    link: Link,
}

impl RabbitBroker {
    /// Connects to the server and declares `topology` there.
    ///
    /// # Errors
    /// The operator's: why it cannot be used, and whether it is worth trying again.
    pub async fn connect(settings: &Settings, topology: Topology) -> Result<Self, Unusable> {
        let link = Link::new("portico events out", settings, topology)?;
        link.open().await?;
        Ok(Self { link })
    }

    /// Proves that the server answers and has the exchange.
    ///
    /// # Errors
    /// Why it cannot be used for now.
    pub async fn check(&self) -> Result<(), Unusable> {
        self.link.check().await
    }

    /// Closes the connection in order.
    ///
    /// # Errors
    /// The server does not answer any more.
    pub async fn close(&self) -> Result<(), Unusable> {
        self.link.close().await
    }
}

#[async_trait]
impl Broker for RabbitBroker {
    async fn publish(&self, events: &[Event]) -> Result<(), Refused> {
        let away = |error: Unusable| Refused { confirmed: 0, reason: Reason::Unavailable(error.into()) };
        let open = self.link.open().await.map_err(away)?;
        let published = publish(&open, self.link.topology().exchange(), events).await;
        if let Err(Refused { reason: Reason::Unavailable(_), .. }) = published {
            self.link.lose(&open).await;
        }
        published
    }
}

async fn publish(open: &Open, exchange: ShortString, events: &[Event]) -> Result<(), Refused> {
    let deadline = Instant::now() + CONFIRMED_WITHIN;
    let (mut sent, mut stopped) = (Vec::with_capacity(events.len()), None);
    for event in events {
        match send(&open.channel, &exchange, event, deadline).await {
            Ok(confirm) => sent.push(timeout_at(deadline, confirm)),
            Err(reason) => {
                stopped = Some(reason);
                break;
            }
        }
    }
    let confirmed = sent.len();
    judge(events, join_all(sent).await)?;
    stopped.map_or(Ok(()), |reason| Err(Refused { confirmed, reason }))
}

/// What became of events whose confirms were waited for. All confirms are looked at, whatever became of the first: the
/// client hands a message that came back to any confirm, and not to its own.
fn judge(events: &[Event], answers: Vec<Answer>) -> Result<(), Refused> {
    let mut returned = HashSet::new();
    let mut outcomes: Vec<Result<(), Source>> = Vec::with_capacity(answers.len());
    for answer in answers {
        outcomes.push(match answer {
            Ok(Ok(confirmation)) => {
                let is_kept = confirmation.is_ack();
                let message = confirmation.take_message();
                returned.extend(message.and_then(|message| message.properties.message_id().clone()));
                if is_kept { Ok(()) } else { Err("the server could not keep it".into()) }
            }
            Ok(Err(error)) => Err(error.into()),
            Err(late) => Err(late.into()),
        });
    }
    for (confirmed, (event, outcome)) in events.iter().zip(outcomes).enumerate() {
        let is_returned = returned.contains(event.id.to_string().as_str());
        let outcome = if is_returned { Err("no queue takes it".into()) } else { outcome };
        outcome.map_err(|source| Refused { confirmed, reason: Reason::Unavailable(source) })?;
    }
    Ok(())
}

async fn send(
    channel: &Channel,
    exchange: &ShortString,
    event: &Event,
    deadline: Instant,
) -> Result<PublisherConfirm, Reason> {
    let Message { key, body, properties } = Message::of(event).map_err(Reason::Poison)?;
    let sent = channel.basic_publish(exchange.clone(), key, MANDATORY, &body, properties);
    match timeout_at(deadline, sent).await {
        Ok(Ok(confirm)) => Ok(confirm),
        Ok(Err(error)) => Err(Reason::Unavailable(error.into())),
        Err(late) => Err(Reason::Unavailable(late.into())),
    }
}

/// Publishes a single message, under another key than its own, and answers once it is confirmed.
pub(super) async fn hand_over(
    channel: &Channel,
    exchange: ShortString,
    key: ShortString,
    message: Message,
) -> Result<(), Unusable> {
    let sent = async {
        let Message { body, properties, .. } = message;
        channel.basic_publish(exchange, key, MANDATORY, &body, properties).await?.await
    };
    match within(CONFIRMED_WITHIN, sent).await? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(Unusable::for_now("the server could not keep it")),
    }
}
