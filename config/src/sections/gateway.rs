//! The gateway's section.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

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
