//! Which adapters this binary has: all, or those that need no server.

use portico_config::Config;

use crate::exit::Failure;

/// Sees whether the binary has each adapter that `config` names.
///
/// # Errors
/// The operator's: every one that it lacks, with its key.
#[cfg(feature = "distributed")]
#[expect(clippy::unnecessary_wraps, reason = "another binary lacks some")]
pub(crate) fn check(_: &Config) -> Result<(), Failure> {
    Ok(())
}

/// Sees whether the binary has each adapter that `config` names.
///
/// # Errors
/// The operator's: every one that it lacks, with its key.
#[cfg(not(feature = "distributed"))]
pub(crate) fn check(config: &Config) -> Result<(), Failure> {
    use portico_config::{Adapter, BrokerAdapter, CacheAdapter, ContentAdapter, SessionAdapter, Transport};

    let content = &config.photo.content;
    let lacking = [
        ("user.store.adapter", config.user.store.adapter == Adapter::Postgres, "postgres", "sqlite"),
        ("user.cache.adapter", config.user.cache.adapter == CacheAdapter::Redis, "redis", "local"),
        ("session.store.adapter", config.session.store.adapter == SessionAdapter::Redis, "redis", "sqlite"),
        ("photo.store.adapter", config.photo.store.adapter == Adapter::Postgres, "postgres", "sqlite"),
        ("photo.content.adapter", content.adapter == ContentAdapter::S3, "s3", "files"),
        ("photo.content.adapter", content.adapter == ContentAdapter::Mega, "mega", "files"),
        ("photo.content.also", content.also == Some(ContentAdapter::S3), "s3", "files"),
        ("photo.content.also", content.also == Some(ContentAdapter::Mega), "mega", "files"),
        ("bus.broker.adapter", config.bus.broker.adapter == BrokerAdapter::Rabbitmq, "rabbitmq", "local"),
        ("log.transport.kind", config.log.transport.kind == Transport::Kafka, "kafka", "local"),
        ("log.transport.kind", config.log.transport.kind == Transport::Grpc, "grpc", "local"),
    ];
    let node = &config.node;
    if !node.hosts_all() || node.has_others() {
        let told = "node: nodes that ask each other are not in this binary; build it with `--features distributed`";
        return Err(Failure::config(told));
    }
    if config.telemetry.otlp.endpoint.is_some() {
        let told = "telemetry.otlp.endpoint: OTLP is not in this binary; build it with `--features distributed`";
        return Err(Failure::config(told));
    }
    let told: Vec<_> = lacking.iter().filter(|(_, is_named, ..)| *is_named).map(|lacks| told(*lacks)).collect();
    if told.is_empty() { Ok(()) } else { Err(Failure::config(told.join("\nportico: "))) }
}

#[cfg(not(feature = "distributed"))]
fn told((key, _, adapter, here): (&str, bool, &str, &str)) -> String {
    format!("{key}: {adapter} is not in this binary; build it with `--features distributed`, or say {here}")
}
