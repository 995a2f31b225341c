//! The sections of the configuration, one struct each. `config/default.yml` explains every key.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::Secret;

/// Everything that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where data lies.
    pub data: Data,
    /// The public REST API.
    pub gateway: Gateway,
    /// The operator's listener.
    pub operator: Operator,
    /// The user domain.
    pub user: User,
    /// The session domain.
    pub session: Session,
    /// The photo domain.
    pub photo: Photo,
    /// What carries events between the domains.
    pub bus: Bus,
    /// The log domain.
    pub log: Log,
    /// How the node stops.
    pub shutdown: Shutdown,
}

/// Where everything lies that outlives the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data directory.
    pub dir: PathBuf,
}

/// The public REST API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The address that browsers see: scheme, host and port, without a path. Empty only in a configuration that was
    /// not loaded: without one, it is where the gateway listens.
    #[serde(deserialize_with = "or_empty")]
    pub public_url: String,
    /// Networks of the proxies whose forwarded headers are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether a proxy ends TLS.
    pub behind_tls_proxy: bool,
    /// TLS served by the gateway itself.
    pub tls: Tls,
    /// Cross-origin requests.
    pub cors: Cors,
    /// Threads that serve HTTP.
    pub workers: Option<NonZeroUsize>,
    /// Bounds on size and number.
    pub limits: HttpLimits,
    /// Bounds on time.
    pub deadlines: Deadlines,
    /// Bounds on rate.
    pub rate_limits: RateLimits,
}

impl Gateway {
    /// Whether browsers reach the gateway over https.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The address that browsers see if nothing stands between them and the listener; none if only the operator knows.
    pub(crate) fn own_url(&self) -> Option<String> {
        if !self.listen.ip().is_loopback() || self.behind_tls_proxy {
            return None;
        }
        let scheme = if self.tls.is_set() { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{}", self.listen)).ok()?;
        Some(url.origin().ascii_serialization())
    }
}

fn or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// PEM files for TLS; both or neither.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain.
    pub certificate_file: Option<PathBuf>,
    /// The private key.
    pub key_file: Option<PathBuf>,
}

impl Tls {
    /// Whether the gateway serves TLS itself.
    pub(crate) fn is_set(&self) -> bool {
        self.certificate_file.is_some() && self.key_file.is_some()
    }
}

/// Cross-origin requests (CORS).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins that may call with credentials.
    pub allowed_origins: Vec<String>,
}

/// Bounds on the size and number of requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpLimits {
    /// The largest JSON body.
    pub json_max_bytes: usize,
    /// The largest request head.
    pub header_max_bytes: usize,
    /// The most open connections of a worker.
    pub connections_max: usize,
    /// The most requests in flight of a worker.
    pub in_flight_max: usize,
}

/// Bounds on the time of requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// From the body's last byte to the answer.
    pub request_ms: u64,
    /// For the whole request head.
    pub head_ms: u64,
    /// The longest pause inside of a body.
    pub body_idle_ms: u64,
    /// The least rate of a body.
    pub body_min_bytes_per_s: u64,
    /// The longest pause of a client inside of an answer, and how far it may be behind the least rate.
    pub answer_idle_ms: u64,
    /// The least rate at which a client takes an answer.
    pub answer_min_bytes_per_s: u64,
    /// For an idle connection.
    pub keep_alive_ms: u64,
}

/// Bounds on the rate of requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    /// Requests of one address.
    pub per_address: Rate,
    /// Requests of one account.
    pub per_account: Rate,
    /// Failed sign-ins of one address.
    pub sign_in_failures_per_address: Rate,
    /// Failed sign-ins of one account from unknown devices.
    pub sign_in_failures_per_account: Rate,
    /// Failed sign-ins of one account from one known device.
    pub sign_in_failures_per_device: Rate,
    /// New accounts of one address.
    pub registrations_per_address: Rate,
    /// The most keys that are remembered.
    pub keys_max: u64,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How many a second in the long run.
    pub per_s: f64,
}

/// The operator's listener.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether the network keeps strangers from a listener that is not loopback.
    pub beyond_loopback: bool,
}

/// The user domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Where accounts are kept.
    pub store: Store,
    /// Passwords.
    pub password: Password,
    /// The most users in memory.
    pub cache_max: u64,
}

/// Where a domain's rows are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// In which database. All that follows is of PostgreSQL alone.
    pub adapter: Adapter,
    /// Where that is.
    pub url: Option<Secret>,
    /// A file that says where.
    pub url_file: Option<PathBuf>,
    /// Whether the server must prove who it is.
    pub tls: StoreTls,
    /// The most connections.
    pub pool_max: u32,
    /// How long a request waits for one.
    pub acquire_timeout_ms: u64,
    /// How long the server may work on a statement.
    pub statement_timeout_ms: u64,
    /// How long a server that is away is waited for at the start.
    pub retry_at_start_s: u64,
}

/// A database that rows can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adapter {
    /// A file in the data directory.
    Sqlite,
    /// A server.
    Postgres,
}

/// TLS to a database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreTls {
    /// What the server must prove.
    pub mode: TlsMode,
    /// The authorities that vouch for it; the public ones without a file.
    pub ca_file: Option<PathBuf>,
}

/// What a server must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Nothing; without TLS.
    Disable,
    /// That an authority vouches for it.
    VerifyCa,
    /// That an authority vouches for it under the name that it was called by.
    VerifyFull,
}

/// Passwords.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// The shortest password that may be chosen, in characters.
    pub min_length: usize,
    /// The cost of a hash.
    pub argon2: Argon2,
    /// Threads that hash.
    pub hash_threads: Option<NonZeroUsize>,
    /// The most passwords that wait for a thread.
    pub hash_queue_max: usize,
}

/// The cost of an argon2id hash.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argon2 {
    /// Memory (m), in KiB.
    pub memory_kib: u32,
    /// Passes (t).
    pub iterations: u32,
    /// Lanes (p).
    pub parallelism: u32,
}

impl Argon2 {
    /// Whether a hash costs an attacker less than OWASP asks for at the least (Password Storage Cheat Sheet, argon2id: any of
    /// these pairs of memory and passes is enough).
    pub fn is_below_owasp(&self) -> bool {
        const ENOUGH: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
        !ENOUGH.iter().any(|(memory_kib, iterations)| self.memory_kib >= *memory_kib && self.iterations >= *iterations)
    }
}

/// The session domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Where sessions are kept.
    pub store: SessionStore,
    /// Whether those that a server keeps are remembered here.
    pub cache: SessionCache,
    /// Idle lifetime.
    pub idle_s: u64,
    /// Absolute lifetime.
    pub absolute_s: u64,
    /// The most sessions of a user.
    pub per_user_max: u32,
    /// The most sessions in memory.
    pub cache_max: u64,
}

/// Where sessions are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionStore {
    /// In what. All that follows is of Redis alone.
    pub adapter: SessionAdapter,
    /// Where that is.
    pub url: Option<Secret>,
    /// A file that says where.
    pub url_file: Option<PathBuf>,
    /// The authorities that vouch for it, beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long the server may take to answer.
    pub timeout_ms: u64,
    /// How long a server that is away is waited for at the start.
    pub retry_at_start_s: u64,
}

/// What sessions can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionAdapter {
    /// A file in the data directory.
    Sqlite,
    /// A server that several nodes share.
    Redis,
}

/// Whether sessions that a server keeps are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionCache {
    /// As long as the server tells of changes.
    Tracked,
    /// Not at all.
    Off,
}

/// The photo domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Photo {
    /// Where photos' rows are kept.
    pub store: Store,
    /// Where their bytes are kept.
    pub content: Content,
    /// The largest upload.
    pub upload_max_bytes: u64,
    /// The most pixels of a picture.
    pub pixels_max: u64,
    /// The most photos of a user.
    pub per_user_max: u32,
    /// The memory that all decodes share.
    pub decode_memory_bytes: u64,
    /// Threads that decode.
    pub threads: Option<NonZeroUsize>,
    /// The most uploads at the same time.
    pub uploads_max: usize,
}

/// Where photos' bytes are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// In what. All that follows is of S3 alone.
    pub adapter: ContentAdapter,
    /// Where the storage is.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: Option<String>,
    /// What all names in it begin with.
    pub prefix: String,
    /// The key's name.
    pub access_key_id: Option<Secret>,
    /// The key.
    pub secret_access_key: Option<Secret>,
    /// A file that holds it.
    pub secret_access_key_file: Option<PathBuf>,
    /// The authorities that vouch for the storage, beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// Whether the bucket is a part of the host's name.
    pub virtual_host: bool,
    /// How long the storage may take to answer, or be silent within an answer.
    pub timeout_ms: u64,
    /// How long storage that is away is waited for at the start.
    pub retry_at_start_s: u64,
}

/// What photos' bytes can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentAdapter {
    /// A directory in the data directory.
    Files,
    /// A bucket of S3-compatible storage.
    S3,
}

/// What carries events between the domains.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// Over what.
    pub broker: Broker,
}

/// Over what events are carried. All but the adapter is of RabbitMQ alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Within the process, or over a server.
    pub adapter: BrokerAdapter,
    /// Where that is.
    pub url: Option<Secret>,
    /// A file that says where.
    pub url_file: Option<PathBuf>,
    /// Whether the server must prove who it is.
    pub tls: BrokerTls,
    /// What the names of everything on the server begin with.
    pub prefix: String,
    /// How long a server that is away is waited for at the start.
    pub retry_at_start_s: u64,
}

/// Over what events are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrokerAdapter {
    /// Within the process.
    Local,
    /// A server.
    Rabbitmq,
}

/// TLS to a broker: where its URL asks for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerTls {
    /// The authorities that vouch for it, beside the public ones.
    pub ca_file: Option<PathBuf>,
}

/// The log domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What is logged: a `tracing` filter.
    pub level: String,
    /// Whether records are also printed.
    pub console: Console,
    /// The size past which a file is rotated.
    pub rotate_bytes: u64,
    /// How long files are kept.
    pub keep_days: u16,
    /// How large all files together may be.
    pub keep_bytes: Option<u64>,
    /// How often files are synced.
    pub flush_ms: u64,
    /// The most records that wait.
    pub queue_max: usize,
    /// How records come to whoever keeps them.
    pub transport: LogTransport,
    /// Whether this node keeps what all nodes send by Kafka.
    pub collect: bool,
}

/// How records come to whoever keeps them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTransport {
    /// By what. All that follows is of Kafka alone.
    pub kind: Transport,
    /// Brokers to begin with, separated by commas.
    pub brokers: Option<String>,
    /// The topic.
    pub topic: String,
    /// The consumer group of the nodes that collect.
    pub group: String,
    /// The partitions of a topic that has to be made.
    pub partitions: u16,
    /// The copies of such a topic's records.
    pub replication: Option<u16>,
    /// What brokers must prove.
    pub tls: StoreTls,
    /// Who the node is to them.
    pub sasl: Sasl,
    /// The most bytes that wait for Kafka.
    pub spool_max_bytes: u64,
}

/// What carries log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Nothing: the node that logs writes the files.
    Local,
    /// Kafka.
    Kafka,
}

/// A name and a password (SASL).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// How they are told.
    pub mechanism: SaslMechanism,
    /// The name; none where nobody asks.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
}

/// How a password is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaslMechanism {
    /// As it is.
    Plain,
    /// By a proof that it is known, with SHA-256.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

/// Whether records are also printed to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Console {
    /// When it is a terminal, and the node serves.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How the node stops.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long what is in flight may take.
    pub deadline_ms: u64,
}
