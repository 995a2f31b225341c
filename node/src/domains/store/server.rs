//! Opens rows that a PostgreSQL server keeps, and waits for it as long as configured.

use std::time::Duration;

use portico_config::{Store, TlsMode};
use portico_kernel::StoreError;
use portico_schema::{
    Unopened,
    postgres::{Settings, Tls},
};

use super::patience::{patiently, url};
use crate::{domains::chain, exit::Failure};

/// Connects to the database of `section` and brings its tables up to date.
pub(super) async fn open<S>(
    section: &str,
    config: &Store,
    connect: impl AsyncFn(&Settings) -> Result<S, Unopened>,
    migrate: impl AsyncFn(&S) -> Result<(), StoreError>,
) -> Result<S, Failure> {
    let settings = settings(section, config)?;
    let store = patiently(section, config.retry_at_start_s, async || connect(&settings).await).await?;
    migrate(&store).await.map_err(|error| {
        let told = format!("{section}.url: {}", chain(&error));
        match error {
            StoreError::Broken(_) => Failure::config(told),
            StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::Uncertain(_) => Failure::unavailable(told),
        }
    })?;
    Ok(store)
}

fn settings(section: &str, config: &Store) -> Result<Settings, Failure> {
    let ca = config.tls.ca_file.clone();
    let tls = match config.tls.mode {
        TlsMode::Disable => Tls::Disabled,
        TlsMode::VerifyCa => Tls::VerifyCa(ca),
        TlsMode::VerifyFull => Tls::VerifyFull(ca),
    };
    Ok(Settings {
        url: url(section, config.url.as_ref(), config.url_file.as_deref())?.into(),
        pool_max: config.pool_max,
        acquire_timeout: Duration::from_millis(config.acquire_timeout_ms),
        statement_timeout: Duration::from_millis(config.statement_timeout_ms),
        tls,
    })
}
