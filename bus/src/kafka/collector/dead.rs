//! The dead-letter topic: what is no record goes there as it came, with headers that say why and where it stood.
//!
//! At least once: a crash may repeat a message, and the headers tell which one it is.

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode::MessageSizeTooLarge},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
    util::Timeout,
};

use super::batch::Dead;
use crate::kafka::{Failed, Settings, ears::Ears};

const DOING: &str = "message cannot be set aside";
/// How long the brokers may take.
const TIMEOUT_MS: &str = "10000";

/// Sends all of `dead`, and waits for the confirms. They are few: it has a producer for each time.
pub(super) async fn bury(settings: &Settings, dead: Vec<Dead>) -> Result<(), Failed> {
    if dead.is_empty() {
        return Ok(());
    }
    let (ears, topic) = (Ears::default(), settings.dead());
    let mut config = settings.client();
    config.set("enable.idempotence", "true").set("message.timeout.ms", TIMEOUT_MS);
    let producer: FutureProducer<Ears> =
        config.create_with_context(ears.clone()).map_err(|error| Failed::new(DOING, error))?;
    for message in dead {
        tracing::warn!(
            kafka.partition = message.partition,
            kafka.offset = message.offset,
            reason = message.reason,
            "message that is no log record set aside"
        );
        let headers = headers(&settings.topic, &message);
        let sent = send(&producer, &topic, &message, headers.clone(), message.payload.as_deref()).await;
        let sent = match sent {
            // With its headers it is longer than it was, perhaps than a message may be.
            Err(KafkaError::MessageProduction(MessageSizeTooLarge)) => {
                let left_out = Header { key: "portico.payload", value: Some("left out: too large") };
                send(&producer, &topic, &message, headers.insert(left_out), None).await
            }
            sent => sent,
        };
        sent.map_err(|error| Failed::new(DOING, ears.explain(error)))?;
    }
    Ok(())
}

async fn send(
    producer: &FutureProducer<Ears>,
    topic: &str,
    message: &Dead,
    headers: OwnedHeaders,
    payload: Option<&[u8]>,
) -> Result<(), KafkaError> {
    let record = FutureRecord { payload, key: message.key.as_deref(), ..FutureRecord::to(topic).headers(headers) };
    producer.send(record, Timeout::Never).await.map(|_| ()).map_err(|(error, _)| error)
}

fn headers(topic: &str, message: &Dead) -> OwnedHeaders {
    let (partition, offset) = (message.partition.to_string(), message.offset.to_string());
    let headers = [
        ("portico.reason", message.reason.as_str()),
        ("portico.topic", topic),
        ("portico.partition", &partition),
        ("portico.offset", &offset),
    ];
    let insert = |all: OwnedHeaders, (key, value): (&str, &str)| all.insert(Header { key, value: Some(value) });
    headers.into_iter().fold(OwnedHeaders::new(), insert)
}
