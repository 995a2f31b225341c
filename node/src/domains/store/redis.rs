//! Opens sessions that a Redis server keeps.

use std::{sync::Arc, time::Duration};

use portico_config::SessionCache;
use portico_schema::redis::{Sessions, Settings};
use portico_session::{Store, View};

use super::patience::{patiently, url};
use crate::{domains::World, exit::Failure};

const SECTION: &str = "session.store";

/// Connects to the sessions, and has the view of them hear what other nodes do.
pub(super) async fn sessions(world: &mut World) -> Result<(Arc<dyn Store>, View), Failure> {
    let config = &world.config.session;
    let settings = Settings {
        url: url(SECTION, config.store.url.as_ref(), config.store.url_file.as_deref())?.into(),
        ca_file: config.store.ca_file.clone(),
        timeout: Duration::from_millis(config.store.timeout_ms),
    };
    let (view, watch) = match config.cache {
        SessionCache::Tracked => {
            let (view, watch) = View::watched(config.cache_max);
            (view, Some(watch))
        }
        SessionCache::Off => (View::new(0), None),
    };
    let connect = async || Sessions::connect(&settings, watch.clone()).await;
    let store = Arc::new(patiently(SECTION, config.store.retry_at_start_s, connect).await?);
    let probed = Arc::clone(&store);
    world.probe("redis:session", move || {
        let store = Arc::clone(&probed);
        async move { store.check().await }
    });
    let closed = Arc::clone(&store);
    world.close("redis:session", async move {
        closed.close();
        Ok(())
    });
    Ok((store, view))
}
