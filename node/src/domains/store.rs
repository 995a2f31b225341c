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

use std::sync::Arc;

use portico_config::{Adapter, CacheAdapter, ContentAdapter, SessionAdapter};
use portico_kernel::Outbox;
use portico_photo::{Both, ContentStore};
use portico_schema::{
    photo::{ContentFiles, Photos},
    session::Sessions,
    user::Users,
};
use portico_session::{Store, View};
use portico_user::Profiles;

use super::{World, unopened};
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

/// Opens the accounts, with tables of this version.
pub(super) async fn users(world: &World) -> Result<Users, Failure> {
    let config = &world.config.user.store;
    if config.adapter == Adapter::Postgres {
        #[cfg(feature = "distributed")]
        return Box::pin(server::open(world, "user.store", config, Users::connect, Users::migrate)).await;
        #[cfg(not(feature = "distributed"))]
        unreachable!("{}", UNBUILT);
    }
    let path = world.data(USERS);
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

/// Opens the photos' rows, with tables of this version.
pub(super) async fn photos(world: &World) -> Result<Photos, Failure> {
    let config = &world.config.photo.store;
    if config.adapter == Adapter::Postgres {
        #[cfg(feature = "distributed")]
        return Box::pin(server::photos(world, config)).await;
        #[cfg(not(feature = "distributed"))]
        unreachable!("{}", UNBUILT);
    }
    let path = world.data(PHOTOS);
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
    let path = world.data(SESSIONS);
    let store = Arc::new(Sessions::open(&path).await.map_err(unopened(&path))?);
    store.migrate().await.map_err(unopened(&path))?;
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
