//! Opens photos' bytes that S3-compatible storage keeps, and waits for it as long as configured.

use std::{sync::Arc, time::Duration};

use portico_config::Content;
use portico_photo::ContentStore;
use portico_schema::photo::{ContentObjects, ObjectSettings};

use super::patience::{patiently, secret};
use crate::{domains::World, exit::Failure};

const SECTION: &str = "photo.content";

/// Reaches the bucket.
pub(super) async fn open(world: &World, config: &Content) -> Result<Arc<dyn ContentStore>, Failure> {
    let settings = settings(config)?;
    let connect = async || ContentObjects::connect(&settings).await;
    Ok(Arc::new(patiently(&world.stop, SECTION, config.retry_at_start_s, connect).await?))
}

fn settings(config: &Content) -> Result<ObjectSettings, Failure> {
    let needed = |key: &'static str| move || Failure::config(format!("{SECTION}.{key}: is needed"));
    let key = secret(
        SECTION,
        "secret_access_key",
        config.secret_access_key.as_ref(),
        config.secret_access_key_file.as_deref(),
    )?;
    Ok(ObjectSettings {
        endpoint: config.endpoint.clone().ok_or_else(needed("endpoint"))?,
        region: config.region.clone(),
        bucket: config.bucket.clone().ok_or_else(needed("bucket"))?,
        prefix: config.prefix.clone(),
        access_key_id: config.access_key_id.as_ref().ok_or_else(needed("access_key_id"))?.expose().into(),
        secret_access_key: key.into(),
        ca_file: config.ca_file.clone(),
        virtual_host: config.virtual_host,
        timeout: Duration::from_millis(config.timeout_ms),
    })
}
