//! How a server is reached.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fred::{
    clients::Client,
    types::{
        RespVersion,
        config::{Config, ConnectionConfig, PerformanceConfig, TcpConfig, TlsConnector},
    },
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::Unopened;

/// How many changes of others may wait to be heard; with more, everything that was read is forgotten.
const CHANGES_MAX: usize = 4096;

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `rediss://role:password@host:6379/0`, or `redis://` without TLS.
    pub url: SecretString,
    /// The authorities that vouch for it (PEM), beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long it may take to answer.
    pub timeout: Duration,
}

impl Settings {
    /// A client that is to connect once, and asks each thing once.
    pub(super) fn client(&self) -> Result<Client, Unopened> {
        let malformed = || Unopened::for_good("url", "must be a URL such as rediss://role:password@host:6379/0");
        let url = self.url.expose_secret();
        let (tls, rest) = match (url.strip_prefix("rediss://"), url.strip_prefix("redis://")) {
            (Some(rest), _) => (Some(trust(self.ca_file.as_deref())?), rest),
            (None, Some(rest)) => (None, rest),
            (None, None) => return Err(malformed()),
        };
        // The driver's own words could repeat a part of the URL.
        let config = Config::from_url_centralized(&format!("redis://{rest}")).map_err(|_| malformed())?;
        let tls = tls.map(|tls| TlsConnector::from(tls).into());
        let config = Config { version: RespVersion::RESP3, tls, ..config };
        let connection = ConnectionConfig {
            connection_timeout: self.timeout,
            internal_command_timeout: self.timeout,
            max_command_attempts: 1,
            tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
            ..ConnectionConfig::default()
        };
        let performance = PerformanceConfig {
            default_command_timeout: self.timeout,
            broadcast_channel_capacity: CHANGES_MAX,
            ..PerformanceConfig::default()
        };
        Ok(Client::new(config, Some(performance), Some(connection), None))
    }
}

/// Trusts the public authorities, and those of `ca`.
fn trust(ca: Option<&Path>) -> Result<ClientConfig, Unopened> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca {
        let unusable = |error: &dyn std::fmt::Display| {
            Unopened::for_good("ca_file", format!("{}: holds no certificate that can be used: {error}", file.display()))
        };
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks them");
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
