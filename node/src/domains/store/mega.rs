//! Opens photos' bytes that an account of Mega.nz keeps, and waits for it as long as configured.

use std::{sync::Arc, time::Duration};

use portico_config::Content;
use portico_photo::ContentStore;
use portico_schema::photo::{ContentMega, MegaSettings};

use super::patience::{patiently, secret};
use crate::{domains::World, exit::Failure};

const SECTION: &str = "photo.content";
const ACCOUNT: &str = "photo.content.mega";

/// Signs in.
pub(super) async fn open(world: &World, config: &Content) -> Result<Arc<dyn ContentStore>, Failure> {
    let settings = settings(config)?;
    let connect = async || ContentMega::connect(&settings).await;
    Ok(Arc::new(patiently(&world.stop, SECTION, config.retry_at_start_s, connect).await?))
}

fn settings(config: &Content) -> Result<MegaSettings, Failure> {
    let mega = &config.mega;
    let email = mega.email.as_ref().ok_or_else(|| Failure::config(format!("{ACCOUNT}.email: is needed")))?;
    let password = secret(ACCOUNT, "password", mega.password.as_ref(), mega.password_file.as_deref())?;
    Ok(MegaSettings {
        endpoint: mega.endpoint.clone(),
        email: email.expose().into(),
        password: password.into(),
        folder: mega.folder.clone(),
        ca_file: config.ca_file.clone(),
        timeout: Duration::from_millis(config.timeout_ms),
    })
}
