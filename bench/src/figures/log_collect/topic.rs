//! Fills a topic with what the gateway logs of requests.

use std::{path::Path, time::Duration};

use actix::System;
use portico_bus::kafka::Settings;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};

use crate::{figures::log::lines, run::Failure};

/// How long a full queue is waited for.
const WAIT: Duration = Duration::from_millis(1);
/// How long the last ones may take.
const FLUSH: Duration = Duration::from_mins(1);

/// Sends `records` of them, as a node's sender would; answers how many bytes they have.
pub(super) fn fill(settings: &Settings, scratch: &Path, records: u64) -> Result<u64, Failure> {
    let beginnings = beginnings(scratch)?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers).set("enable.idempotence", "true");
    config.set("compression.type", "lz4").set("linger.ms", "5");
    make(&config, &settings.topic)?;
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().map_err(Failure::said)?;
    let mut bytes = 0;
    for (sequence, beginning) in (1..=records).zip(beginnings.iter().cycle()) {
        let line = format!("{beginning}{sequence}}}");
        bytes += line.len() as u64;
        let mut message = BaseRecord::to(&settings.topic).key("gateway/bench").payload(&line);
        while let Err((error, unsent)) = producer.send(message) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(Failure::said(error));
            }
            std::thread::sleep(WAIT);
            message = unsent;
        }
    }
    producer.flush(FLUSH).map_err(Failure::said)?;
    Ok(bytes)
}

/// Makes the topic, with one partition.
fn make(config: &ClientConfig, topic: &str) -> Result<(), Failure> {
    let admin: AdminClient<DefaultClientContext> = config.create().map_err(Failure::said)?;
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let made = System::new().block_on(admin.create_topics([&topic], &AdminOptions::new())).map_err(Failure::said)?;
    made.into_iter()
        .try_for_each(|made| made.map(|_| ()).map_err(|(topic, error)| Failure::said(format!("{topic}: {error}"))))
}

/// Lines of the node's own layer, up to the number that is theirs alone.
fn beginnings(scratch: &Path) -> Result<Vec<String>, Failure> {
    const SEQUENCE: &str = ",\"sequence\":";
    let lines = lines(scratch)?;
    let cut = |line: String| Some(line[..line.rfind(SEQUENCE)? + SEQUENCE.len()].to_owned());
    lines.into_iter().map(|line| cut(line).ok_or_else(|| Failure::said("a record has no sequence"))).collect()
}
