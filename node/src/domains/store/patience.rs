//! What all servers have in common at the start: where they are, and that they may come later.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use portico_config::Secret;
use portico_schema::Unopened;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;

/// The wait between two tries.
const RETRY: Duration = Duration::from_secs(1);

/// Connects to the server of `section`, which may be away for `retry_s`, or until `stop`.
pub(in crate::domains) async fn patiently<S>(
    stop: &CancellationToken,
    section: &str,
    retry_s: u64,
    connect: impl AsyncFn() -> Result<S, Unopened>,
) -> Result<S, Failure> {
    let until = Instant::now() + Duration::from_secs(retry_s);
    loop {
        match connect().await {
            Ok(store) => return Ok(store),
            Err(error) if error.passes && Instant::now() < until => {
                tracing::warn!(section, reason = %error, "server is away; it is tried again");
                if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                    return Err(refused(section, &error));
                }
            }
            Err(error) => return Err(refused(section, &error)),
        }
    }
}

/// A server that is not waited for any longer.
pub(in crate::domains) fn refused(section: &str, error: &Unopened) -> Failure {
    let failure = if error.passes { Failure::unavailable } else { Failure::config };
    failure(format!("{section}.{}: {error}", error.key))
}

/// The URL of `section`'s server: as it was configured, or what a file holds.
pub(in crate::domains) fn url(section: &str, url: Option<&Secret>, file: Option<&Path>) -> Result<String, Failure> {
    secret(section, "url", url, file)
}

/// A secret of `section`: as it was configured, or what a file holds.
pub(in crate::domains) fn secret(
    section: &str,
    key: &str,
    value: Option<&Secret>,
    file: Option<&Path>,
) -> Result<String, Failure> {
    if let Some(value) = value {
        return Ok(value.expose().to_owned());
    }
    let file = file.ok_or_else(|| Failure::config(format!("{section}.{key}: is needed")))?;
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::config(format!("{section}.{key}_file: {}: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}
