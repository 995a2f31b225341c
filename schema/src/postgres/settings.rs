//! How a database is reached, and what its connections may do.

use std::{path::PathBuf, str::FromStr as _, time::Duration};

use sea_orm::sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::Unopened;

/// What is waited for an answer of the server beyond the time that it has for a statement.
pub(super) const MARGIN: Duration = Duration::from_secs(1);

/// How a database is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://role:password@host:5432/database`.
    pub url: SecretString,
    /// The most connections.
    pub pool_max: u32,
    /// How long a command or a query waits for its turn to use one of them, and then for the server to open it.
    pub acquire_timeout: Duration,
    /// How long the server may work on a statement.
    pub statement_timeout: Duration,
    /// Whether the server must prove who it is.
    pub tls: Tls,
}

/// What is asked of the server before anything is told to it. Without a file, the public authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Nothing: everything is sent in the open.
    Disabled,
    /// A certificate of an authority.
    VerifyCa(Option<PathBuf>),
    /// A certificate of an authority, for the host that was asked for.
    VerifyFull(Option<PathBuf>),
}

/// Connections that a node has before it serves, and that it opens at once when a server comes back: it may be asked at once
/// for all that another one leaves to it, and more handshakes would make those wait who come first.
const FEW: u32 = 4;

impl Settings {
    /// How many connections are opened at once.
    pub(super) fn few(&self) -> usize {
        FEW.min(self.pool_max) as usize
    }

    /// What the driver makes of it.
    pub(super) fn options(&self) -> Result<PgConnectOptions, Unopened> {
        // The driver's own words could repeat a part of the URL.
        let malformed =
            |_| Unopened::for_good("url", "must be a URL such as postgres://role:password@host:5432/database");
        let options = PgConnectOptions::from_str(self.url.expose_secret()).map_err(malformed)?;
        let (mode, ca) = match &self.tls {
            Tls::Disabled => (PgSslMode::Disable, None),
            Tls::VerifyCa(ca) => (PgSslMode::VerifyCa, ca.as_ref()),
            Tls::VerifyFull(ca) => (PgSslMode::VerifyFull, ca.as_ref()),
        };
        let options = ca.into_iter().fold(options.ssl_mode(mode), PgConnectOptions::ssl_root_cert);
        let milliseconds = |time: Duration| time.as_millis().to_string();
        Ok(options.application_name("portico").disable_statement_logging().options([
            ("statement_timeout", milliseconds(self.statement_timeout)),
            ("lock_timeout", milliseconds(self.statement_timeout / 2)),
            // Of a node that has stopped in the middle of a transaction no more than this is felt by the others.
            ("idle_in_transaction_session_timeout", milliseconds(self.statement_timeout * 2)),
            ("default_transaction_isolation", "read committed".to_owned()),
        ]))
    }
}
