//! Opens rows that a PostgreSQL server keeps, and waits for it as long as configured.

use std::{
    fs,
    time::{Duration, Instant},
};

use portico_config::{Store, TlsMode};
use portico_kernel::StoreError;
use portico_schema::postgres::{Settings, Tls, Unopened};

use crate::{domains::chain, exit::Failure};

/// The wait between two tries.
const RETRY: Duration = Duration::from_secs(1);

/// Connects to the database of `section` and brings its tables up to date.
pub(super) async fn open<S>(
    section: &str,
    config: &Store,
    connect: impl AsyncFn(&Settings) -> Result<S, Unopened>,
    migrate: impl AsyncFn(&S) -> Result<(), StoreError>,
) -> Result<S, Failure> {
    let settings = settings(section, config)?;
    let until = Instant::now() + Duration::from_secs(config.retry_at_start_s);
    let store = loop {
        match connect(&settings).await {
            Ok(store) => break store,
            Err(refused) if refused.passes && Instant::now() < until => {
                tracing::warn!(section, reason = %refused, "database is away; it is tried again");
                tokio::time::sleep(RETRY).await;
            }
            Err(refused) => {
                let failure = if refused.passes { Failure::unavailable } else { Failure::config };
                return Err(failure(format!("{section}.{}: {refused}", refused.key)));
            }
        }
    };
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
        url: url(section, config)?.into(),
        pool_max: config.pool_max,
        acquire_timeout: Duration::from_millis(config.acquire_timeout_ms),
        statement_timeout: Duration::from_millis(config.statement_timeout_ms),
        tls,
    })
}

fn url(section: &str, config: &Store) -> Result<String, Failure> {
    if let Some(url) = &config.url {
        return Ok(url.expose().to_owned());
    }
    let file = config.url_file.as_deref().ok_or_else(|| Failure::config(format!("{section}.url: is needed")))?;
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::config(format!("{section}.url_file: {}: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}
