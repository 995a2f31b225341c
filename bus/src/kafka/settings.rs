//! How Kafka is reached, and what it is asked for.

use std::path::PathBuf;

use rdkafka::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};

/// Everything that is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Brokers to begin with, as `host:port`, separated by commas.
    pub brokers: String,
    /// The topic of log records. What is none goes to the topic of the same name with `.dead` behind it.
    pub topic: String,
    /// The consumer group of those who collect.
    pub group: String,
    /// What the brokers must prove.
    pub tls: Tls,
    /// Who the node is; nobody where the brokers do not ask.
    pub login: Option<Login>,
    /// Partitions of a topic that has to be made.
    pub partitions: u16,
    /// Copies of such a topic's records; none leaves it to the brokers.
    pub replication: Option<u16>,
}

/// What a broker must prove.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Nothing; without TLS.
    Disabled,
    /// That an authority vouches for it; those of the file, or else the system's.
    VerifyCa(Option<PathBuf>),
    /// The same, and that it is the host that was called.
    VerifyFull(Option<PathBuf>),
}

/// A name and a password (SASL).
#[derive(Debug, Clone)]
pub struct Login {
    /// How they are told.
    pub mechanism: Mechanism,
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// How a password is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// As it is (RFC 4616).
    Plain,
    /// By SCRAM with SHA-256 (RFC 7677).
    ScramSha256,
    /// By SCRAM with SHA-512.
    ScramSha512,
}

impl Settings {
    /// The topic of what is no record.
    pub(super) fn dead(&self) -> String {
        format!("{}.dead", self.topic)
    }

    /// What every client is made with.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("client.id", "portico");
        // A broker that is back is noticed within seconds, and nobody is flooded meanwhile.
        config.set("reconnect.backoff.ms", "100").set("reconnect.backoff.max.ms", "2000");
        config.set("socket.keepalive.enable", "true");
        let protocol = match (&self.tls, &self.login) {
            (Tls::Disabled, None) => "plaintext",
            (Tls::Disabled, Some(_)) => "sasl_plaintext",
            (Tls::VerifyCa(_) | Tls::VerifyFull(_), None) => "ssl",
            (Tls::VerifyCa(_) | Tls::VerifyFull(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Tls::VerifyCa(ca) | Tls::VerifyFull(ca) = &self.tls {
            let by_name = if matches!(self.tls, Tls::VerifyFull(_)) { "https" } else { "none" };
            config.set("ssl.endpoint.identification.algorithm", by_name);
            if let Some(ca) = ca {
                config.set("ssl.ca.location", ca.display().to_string());
            }
        }
        if let Some(Login { mechanism, user, password }) = &self.login {
            let mechanism = match mechanism {
                Mechanism::Plain => "PLAIN",
                Mechanism::ScramSha256 => "SCRAM-SHA-256",
                Mechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            config.set("sasl.mechanism", mechanism).set("sasl.username", user);
            config.set("sasl.password", password.expose_secret());
        }
        config
    }

    /// What a producer is made with. Its partitions hold what was sent without a gap and without a repetition, as long as
    /// it lives: no record is given up, and one that a broker refuses ends the producer.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("enable.idempotence", "true").set("enable.gapless.guarantee", "true").set("acks", "all");
        config.set("message.timeout.ms", "0"); // for ever
        config.set("compression.type", "lz4").set("linger.ms", "5");
        // Well below what a topic takes by default, which is counted after compression.
        config.set("batch.size", "524288").set("queue.buffering.max.kbytes", "16384");
        config.set("partitioner", "murmur2_random"); // as Java's
        config
    }

    /// What a member of the group is made with.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("group.id", &self.group).set("partition.assignment.strategy", "range");
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "earliest");
        // Whoever is dead is replaced after this, the least that brokers allow by default; also one that comes back under
        // another name, as after an outage.
        config.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "2000");
        // What is kept at hand is little, and more is asked for as soon as some of it is taken: by default after a second.
        config.set("queued.max.messages.kbytes", "16384").set("fetch.queue.backoff.ms", "10");
        config.set("statistics.interval.ms", "1000");
        config
    }
}
