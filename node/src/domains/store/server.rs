//! Opens rows that a PostgreSQL server keeps, and waits for it as long as configured.

use std::{sync::Arc, time::Duration};

use portico_config::{Adapter, Store, TlsMode};
use portico_kernel::{Outbox, StoreError};
use portico_schema::{
    Unopened,
    photo::Photos,
    postgres::{Settings, Tls},
    user::{Leased, Users},
};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::patience::{patiently, url};
use crate::{
    domains::{World, chain},
    exit::Failure,
};

/// Connects to the database of `section` and brings its tables up to date.
pub(super) async fn open<S>(
    stop: &CancellationToken,
    section: &str,
    config: &Store,
    connect: impl AsyncFn(&Settings) -> Result<S, Unopened>,
    migrate: impl AsyncFn(&S) -> Result<(), StoreError>,
) -> Result<S, Failure> {
    let settings = settings(section, config)?;
    let store = patiently(stop, section, config.retry_at_start_s, async || connect(&settings).await).await?;
    migrate(&store).await.map_err(|error| {
        let told = format!("{section}.url: {}", chain(&error));
        match error {
            StoreError::Broken(_) => Failure::config(told),
            StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::Uncertain(_) => Failure::unavailable(told),
        }
    })?;
    Ok(store)
}

/// `photos`, on whose work list one node at a time works where several may share it.
pub(super) fn shared(world: &World, photos: Photos) -> Photos {
    match world.config.photo.store.adapter {
        Adapter::Postgres => photos.shared_by(node(world)),
        Adapter::Sqlite => photos,
    }
}

/// The outbox of `users`, for one node at a time.
pub(super) fn outbox(world: &mut World, users: &Arc<Users>) -> Arc<dyn Outbox> {
    let leased = Arc::new(Leased::new(Arc::clone(users), node(world)));
    let released = Arc::clone(&leased);
    world.close("outbox", async move { released.release().await });
    leased
}

/// What a node is known by to the others: its data directory, of which it has one to itself.
fn node(world: &World) -> [u8; 32] {
    Sha256::new().chain_update("portico outbox lease").chain_update(world.secret).finalize().into()
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
