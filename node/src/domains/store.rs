//! Opens what a domain keeps where its configuration says that it is.

#[cfg(feature = "distributed")]
mod mega;
#[cfg(feature = "distributed")]
mod objects;
#[cfg(feature = "distributed")]
pub(super) mod patience;
#[cfg(feature = "distributed")]
mod redis;
#[cfg(feature = "distributed")]
mod server;
mod stores;

use std::sync::Arc;

use portico_config::{Adapter, CacheAdapter, Config, ContentAdapter, SessionAdapter};
use portico_kernel::Outbox;
use portico_photo::{Both, ContentStore};
use portico_schema::{
    photo::{ContentFiles, Photos},
    session::Sessions,
    transfer::Transfer,
    user::Users,
};
use portico_session::{Store, View};
use portico_user::Profiles;
use tokio_util::sync::CancellationToken;

pub(crate) use self::stores::Stores;
use super::{World, chain, unopened};
use crate::exit::Failure;

/// Why no adapter is asked for here that this binary lacks.
#[cfg(not(feature = "distributed"))]
const UNBUILT: &str = "the node has seen which adapters it has";

/// The accounts of a node that is all by itself, in the data directory.
pub(super) const USERS: &str = "user.db";
/// The sessions of such a node.
const SESSIONS: &str = "session.db";
/// The photos' rows of such a node.
const PHOTOS: &str = "photo.db";
/// The photos' bytes of such a node.
const CONTENT: &str = "content";

/// Opens the accounts, with tables of this version, for a node to run over.
pub(super) async fn users(world: &World) -> Result<Users, Failure> {
    let store = open_users(&world.config, &world.stop).await?;
    refuse_unfinished(&*store.transfer()).await?;
    Ok(store)
}

#[cfg_attr(not(feature = "distributed"), expect(unused_variables, reason = "servers are waited for"))]
async fn open_users(config: &Config, stop: &CancellationToken) -> Result<Users, Failure> {
    let store = &config.user.store;
    if store.adapter == Adapter::Postgres {
        #[cfg(feature = "distributed")]
        return Box::pin(server::open(stop, "user.store", store, Users::connect, Users::migrate)).await;
        #[cfg(not(feature = "distributed"))]
        unreachable!("{}", UNBUILT);
    }
    let path = config.data.dir.join(USERS);
    let store = Users::open(&path).await.map_err(unopened(&path))?;
    store.migrate().await.map_err(unopened(&path))?;
    Ok(store)
}

/// The events that wait in the database of `users`: where several nodes share that, one of them carries all.
pub(super) fn outbox(world: &mut World, users: &Arc<Users>) -> Arc<dyn Outbox> {
    match world.config.user.store.adapter {
        Adapter::Sqlite => Arc::clone(users) as Arc<dyn Outbox>,
        #[cfg(feature = "distributed")]
        Adapter::Postgres => server::outbox(world, users),
        #[cfg(not(feature = "distributed"))]
        Adapter::Postgres => unreachable!("{}", UNBUILT),
    }
}

/// Opens the photos' rows, with tables of this version, for a node to run over.
pub(super) async fn photos(world: &World) -> Result<Photos, Failure> {
    let store = open_photos(&world.config, &world.stop).await?;
    refuse_unfinished(&*store.transfer()).await?;
    #[cfg(feature = "distributed")]
    let store = server::shared(world, store);
    Ok(store)
}

#[cfg_attr(not(feature = "distributed"), expect(unused_variables, reason = "servers are waited for"))]
async fn open_photos(config: &Config, stop: &CancellationToken) -> Result<Photos, Failure> {
    let store = &config.photo.store;
    if store.adapter == Adapter::Postgres {
        #[cfg(feature = "distributed")]
        return Box::pin(server::open(stop, "photo.store", store, Photos::connect, Photos::migrate)).await;
        #[cfg(not(feature = "distributed"))]
        unreachable!("{}", UNBUILT);
    }
    let path = config.data.dir.join(PHOTOS);
    let store = Photos::open(&path).await.map_err(unopened(&path))?;
    store.migrate().await.map_err(unopened(&path))?;
    Ok(store)
}

/// Photos' bytes.
pub(super) struct Contents {
    /// Wherever they lie.
    pub(super) serving: Arc<dyn ContentStore>,
    /// The two places of them, if there are two.
    pub(super) places: Option<Both>,
}

/// Opens the photos' bytes.
pub(super) async fn contents(world: &World) -> Result<Contents, Failure> {
    let config = &world.config.photo.content;
    let to = content(world, config.adapter).await?;
    let Some(also) = config.also else {
        return Ok(Contents { serving: to, places: None });
    };
    let both = Both { to, from: content(world, also).await? };
    Ok(Contents { serving: Arc::new(both.clone()), places: Some(both) })
}

#[cfg_attr(not(feature = "distributed"), expect(clippy::unused_async, reason = "servers are waited for"))]
async fn content(world: &World, adapter: ContentAdapter) -> Result<Arc<dyn ContentStore>, Failure> {
    match adapter {
        ContentAdapter::Files => {
            let files = world.data(CONTENT);
            Ok(Arc::new(ContentFiles::local(&files).map_err(unopened(&files))?))
        }
        #[cfg(feature = "distributed")]
        ContentAdapter::S3 => Box::pin(objects::open(world, &world.config.photo.content)).await,
        #[cfg(feature = "distributed")]
        ContentAdapter::Mega => Box::pin(mega::open(world, &world.config.photo.content)).await,
        #[cfg(not(feature = "distributed"))]
        ContentAdapter::S3 | ContentAdapter::Mega => unreachable!("{}", UNBUILT),
    }
}

/// Opens the sessions, with the view of them that suits the store; tells readiness of it, and closes it in the end.
pub(super) async fn sessions(world: &mut World) -> Result<(Arc<dyn Store>, View), Failure> {
    if world.config.session.store.adapter == SessionAdapter::Redis {
        #[cfg(feature = "distributed")]
        return Box::pin(redis::sessions(world)).await;
        #[cfg(not(feature = "distributed"))]
        unreachable!("{}", UNBUILT);
    }
    let store = Arc::new(open_sessions(&world.config).await?);
    refuse_unfinished(&*store.transfer()).await?;
    world.metrics.observe_database(store.operations());
    let probed = Arc::clone(&store);
    world.probe("database:session", move || {
        let store = Arc::clone(&probed);
        async move { store.check().await }
    });
    let closed = Arc::clone(&store);
    world.close(SESSIONS, async move { closed.close().await });
    Ok((store, View::new(world.config.session.cache_max)))
}

/// Opens what is remembered of users.
#[cfg_attr(not(feature = "distributed"), expect(clippy::unused_async, reason = "servers are waited for"))]
pub(super) async fn profiles(world: &mut World) -> Result<Profiles, Failure> {
    if world.config.user.cache.adapter == CacheAdapter::Redis {
        #[cfg(feature = "distributed")]
        return Box::pin(redis::profiles(world)).await;
        #[cfg(not(feature = "distributed"))]
        unreachable!("{}", UNBUILT);
    }
    Ok(Profiles::new(world.config.user.cache_max))
}

async fn open_sessions(config: &Config) -> Result<Sessions, Failure> {
    let path = config.data.dir.join(SESSIONS);
    let store = Sessions::open(&path).await.map_err(unopened(&path))?;
    store.migrate().await.map_err(unopened(&path))?;
    Ok(store)
}

/// Refuses a store that an import has not filled to the end: it holds a part of what it should.
async fn refuse_unfinished(store: &dyn Transfer) -> Result<(), Failure> {
    let section = store.section();
    let unfinished = store.unfinished().await;
    match unfinished.map_err(|error| Failure::unavailable(format!("{section}: {}", chain(&error))))? {
        None => Ok(()),
        Some(export) => Err(Failure::temporary(format!(
            "{section}: the import of export {export} has not ended; run `portico data import` again"
        ))),
    }
}
