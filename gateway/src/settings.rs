//! What every request is served by: the gateway's part of the configuration, parsed once.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpRequest, web::Data};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ipnet::IpNet;
use portico_config::Config;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The gateway's configuration and the node's secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration's gateway section.
    pub http: portico_config::Gateway,
    /// The origin that browsers see, without a slash at its end.
    pub public_origin: String,
    /// From the last byte of a request to its answer.
    pub request_timeout: Duration,
    /// The longest a session can live: how long a browser keeps its cookie.
    pub session_absolute: Duration,
    /// The largest upload, in bytes.
    pub upload_max_bytes: u64,
    /// The most uploads at the same time.
    pub uploads_max: usize,
    secret: Secret,
    draining: Arc<AtomicBool>,
}

impl Settings {
    /// Reads the configuration; `secret` is the node's own, `draining` turns true when the node begins to stop.
    pub fn new(config: &Config, secret: [u8; 32], draining: Arc<AtomicBool>) -> Self {
        Self {
            public_origin: config.gateway.public_url.trim_end_matches('/').to_owned(),
            request_timeout: Duration::from_millis(config.gateway.deadlines.request_ms),
            session_absolute: Duration::from_secs(config.session.absolute_s),
            upload_max_bytes: config.photo.upload_max_bytes,
            uploads_max: config.photo.uploads_max,
            http: config.gateway.clone(),
            secret: Secret(Zeroizing::new(secret)),
            draining,
        }
    }

    /// The same for a surface that listens at `port`, which is what browsers see where the system was to choose it.
    #[must_use]
    pub(crate) fn at(self, port: u16) -> Self {
        let chosen = self.public_origin.strip_suffix(":0").map(|host| format!("{host}:{port}"));
        Self { public_origin: chosen.unwrap_or(self.public_origin), ..self }
    }

    /// The settings that serve `request`.
    pub fn of(request: &HttpRequest) -> &Self {
        request.app_data::<Data<Self>>().expect("the gateway gives every application its settings")
    }

    /// Whether browsers come over https.
    pub fn is_https(&self) -> bool {
        self.http.is_https()
    }

    /// Whether a browser may call from `origin`.
    pub fn allows_origin(&self, origin: &str) -> bool {
        origin == self.public_origin || self.http.cors.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    /// Whether the peer at `address` is a proxy whose forwarded headers are believed.
    pub fn trusts(&self, address: std::net::IpAddr) -> bool {
        self.http.trusted_proxies.iter().any(|network: &IpNet| network.contains(&address))
    }

    /// Whether the node is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// HMAC-SHA256 of `parts` under the node's secret. `purpose` keeps one use's values apart from another's; each part
    /// is framed by its length, so that no two lists of parts are alike.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.secret.0).expect("HMAC takes a key of any length");
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

#[derive(Clone)]
struct Secret(Zeroizing<[u8; 32]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
