//! Opens what a Redis server keeps: sessions, and what nodes share of profiles.

use std::{sync::Arc, time::Duration};

use portico_config::{Config, SessionCache};
use portico_schema::redis::{Ears, Profiles as SharedProfiles, Sessions, Settings};
use portico_session::{Store, View};
use portico_user::{Profiles, ProfilesWatch};
use tokio_util::sync::CancellationToken;

use super::{
    patience::{patiently, refused, url},
    refuse_unfinished,
};
use crate::{domains::World, exit::Failure};

const SESSIONS: &str = "session.store";
const PROFILES: &str = "user.cache";

/// Connects to the sessions, and has the view of them hear what other nodes do.
pub(super) async fn sessions(world: &mut World) -> Result<(Arc<dyn Store>, View), Failure> {
    let config = &world.config.session;
    let (view, sessions) = match config.cache {
        SessionCache::Tracked => {
            let (view, watch) = View::watched(config.cache_max);
            (view, Some(watch))
        }
        SessionCache::Off => (View::new(0), None),
    };
    let (beside, profiles) = world.config.user.cache.is_beside_sessions().then(|| watched(&world.config)).unzip();
    let ears = Ears { sessions, profiles };
    let store = Arc::new(connect(&world.config, ears, &world.stop).await?);
    refuse_unfinished(&*store.transfer()).await?;
    if let Some(profiles) = beside {
        let (timeout, fills_max) = bounds(&world.config);
        let shared = SharedProfiles::beside(&store, timeout, fills_max);
        world.profiles = Some(over(world, profiles, shared));
    }
    world.sessions_returned = Some(store.returned());
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

/// Connects to what nodes share of profiles, which may come later: on the connection of sessions, or on one of its own.
pub(super) async fn profiles(world: &mut World) -> Result<Profiles, Failure> {
    if let Some(profiles) = world.profiles.take() {
        return Ok(profiles);
    }
    let ((_, fills_max), (section, settings)) = (bounds(&world.config), server_of_profiles(&world.config)?);
    let (profiles, watch) = watched(&world.config);
    let ears = Ears { profiles: Some(watch), ..Ears::default() };
    let shared = SharedProfiles::connect(&settings, ears, fills_max).await;
    let shared = shared.map_err(|error| refused(section, &error))?;
    Ok(over(world, profiles, shared))
}

/// Where profiles are shared, and what says so: on the server of sessions, which another process may host, unless one of
/// their own is named.
fn server_of_profiles(config: &Config) -> Result<(&'static str, Settings), Failure> {
    let (cache, sessions) = (&config.user.cache, &config.session.store);
    let (section, told, file, ca_file) = if cache.is_beside_sessions() {
        (SESSIONS, &sessions.url, &sessions.url_file, &sessions.ca_file)
    } else {
        (PROFILES, &cache.url, &cache.url_file, &cache.ca_file)
    };
    let (url, (timeout, _)) = (url(section, told.as_ref(), file.as_deref())?.into(), bounds(config));
    Ok((section, Settings { url, ca_file: ca_file.clone(), timeout }))
}

fn watched(config: &Config) -> (Profiles, ProfilesWatch) {
    Profiles::watched(config.user.cache_max)
}

fn bounds(config: &Config) -> (Duration, u64) {
    (Duration::from_millis(config.user.cache.timeout_ms), config.user.cache_max)
}

/// Has requests do without it while it is away.
fn over(world: &mut World, profiles: Profiles, shared: SharedProfiles) -> Profiles {
    let shared = Arc::new(shared);
    let (probed, counted, closed) = (Arc::clone(&shared), Arc::clone(&shared), Arc::clone(&shared));
    world.probe_besides("redis:user", move || {
        let shared = Arc::clone(&probed);
        async move { shared.check().await }
    });
    world.metrics.observe_profiles(move || counted.outcomes().counts());
    world.close("redis:user", async move {
        closed.close();
        Ok(())
    });
    profiles.over(shared)
}

/// Connects to the sessions; whose `ears` these are is told of what others change.
pub(super) async fn connect(config: &Config, ears: Ears, stop: &CancellationToken) -> Result<Sessions, Failure> {
    let store = &config.session.store;
    let settings = Settings {
        url: url(SESSIONS, store.url.as_ref(), store.url_file.as_deref())?.into(),
        ca_file: store.ca_file.clone(),
        timeout: Duration::from_millis(store.timeout_ms),
    };
    patiently(stop, SESSIONS, store.retry_at_start_s, async || Sessions::connect(&settings, ears.clone()).await).await
}
