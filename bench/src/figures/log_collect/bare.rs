//! The reference: a consumer that counts.

use std::time::Instant;

use portico_bus::kafka::Settings;
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};

use super::{PATIENCE, rate};
use crate::run::Failure;

/// Messages a second, from the first one on.
pub(super) fn rate_of(settings: &Settings, records: u64) -> Result<f64, Failure> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers).set("group.id", &settings.group);
    config.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    config.set("fetch.queue.backoff.ms", "10"); // as ours: by default a full queue rests for a second
    let consumer: BaseConsumer = config.create().map_err(Failure::said)?;
    consumer.subscribe(&[&settings.topic]).map_err(Failure::said)?;
    let (asked, mut begun, mut count) = (Instant::now(), None, 0);
    while count < records {
        if asked.elapsed() > PATIENCE {
            return Err(Failure::said(format!("{count} of {records} messages came")));
        }
        if let Some(message) = consumer.poll(PATIENCE) {
            message.map_err(Failure::said)?;
            begun.get_or_insert_with(Instant::now);
            count += 1;
        }
    }
    Ok(rate(count - 1, begun.unwrap_or(asked).elapsed()))
}
