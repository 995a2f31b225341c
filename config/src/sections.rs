//! The sections of the configuration, one struct each. `config/default.yml` explains every key.

mod gateway;
mod node;
mod photo;
mod telemetry;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use self::{
    gateway::{Cors, Deadlines, Gateway, HttpLimits, Rate, RateLimits, Tls},
    node::{Callers, Node, NodeTls, Peers, Role},
    photo::{Content, ContentAdapter, Mega, Photo},
    telemetry::{Otlp, Telemetry},
};
use crate::Secret;

/// Everything that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where data lies.
    pub data: Data,
    /// What this process hosts, and where the rest is.
    pub node: Node,
    /// The public REST API.
    pub gateway: Gateway,
    /// The operator's listener.
    pub operator: Operator,
    /// Where else what is counted goes.
    pub telemetry: Telemetry,
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

/// The operator's listener.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Where it listens: on loopback.
    pub listen: SocketAddr,
    /// Where what probes and Prometheus ask for is served as well, and nothing else.
    pub monitoring: Option<SocketAddr>,
}

/// The user domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Where accounts are kept.
    pub store: Store,
    /// Passwords.
    pub password: Password,
    /// What is remembered of users.
    pub cache: ProfileCache,
    /// The most users in memory.
    pub cache_max: u64,
}

/// What is remembered of users.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileCache {
    /// Where. All that follows is of Redis alone.
    pub adapter: CacheAdapter,
    /// Where that is; without one it is the server of sessions.
    pub url: Option<Secret>,
    /// A file that says where.
    pub url_file: Option<PathBuf>,
    /// The authorities that vouch for it, beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long the server may take to answer before the database is asked.
    pub timeout_ms: u64,
}

/// Where users are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheAdapter {
    /// In this process.
    Local,
    /// On a server that several nodes share, and in this process as long as that tells of changes.
    Redis,
}

impl ProfileCache {
    /// Whether the server is the one of sessions.
    pub fn is_beside_sessions(&self) -> bool {
        self.adapter == CacheAdapter::Redis && self.url.is_none() && self.url_file.is_none()
    }
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
    /// How long a request waits for its turn to use one, and then for the server to open it.
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
    /// Whether this node is one of those that keep what all nodes send by Kafka.
    pub collect: bool,
}

/// How records come to whoever keeps them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTransport {
    /// By what. All that follows but the last is of Kafka alone.
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
    /// The most bytes that wait on this node.
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
    /// The node that logs asks the one that keeps records.
    Grpc,
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
