//! Starts the photo domain.

use std::sync::Arc;

use portico_config::{Adapter, Config};
use portico_kernel::{Ask, Spec};
use portico_photo::{
    Asks, Budget, Decoders, Fingerprints, Limits, Move, Parts, Photos, Staging, Store, Summaries, Uploads,
};

use super::{
    World,
    store::{self, Contents},
    user::threads,
};
use crate::{control::Places, exit::Failure};

/// The photo domain, running in this process.
pub(super) struct Domain {
    /// Whom requests ask. Summaries come from the actor's read view, on the caller's own thread.
    pub(super) asks: Asks,
    /// Moves content.
    pub(super) move_photos: Ask<Move>,
    /// Where content is moved from, and where to; none if it has one place only.
    pub(super) places: Option<Places>,
}

/// Starts the photo domain over its database and its files.
pub(super) async fn start(world: &mut World) -> Result<Domain, Failure> {
    let store = Arc::new(store::photos(world).await?);
    let contents = store::contents(world).await?;
    let content = Arc::clone(&contents.serving);
    let parts = parts(world, Arc::clone(&store) as Arc<dyn Store>, contents)?;
    let summarize = parts.summaries.ask();
    let looked = parts.summaries.clone();
    world.metrics.observe_cache("summaries", move || looked.load());
    world.metrics.observe_database(store.operations());
    let actor = world.root.supervise(Spec::new("photo").capacity(4096).on("photo"), move || Photos::new(parts.clone()));
    let probed = Arc::clone(&store);
    world.probe("database:photo", move || {
        let store = Arc::clone(&probed);
        async move { Store::check(&*store).await }
    });
    let counted = Arc::clone(&store);
    world.metrics.observe_backlog(
        "portico.photo.work",
        "Contents on the work list, to be deleted or taken over",
        move || {
            let store = Arc::clone(&counted);
            async move { Store::backlog(&*store).await }
        },
    );
    world.probe("content:photo", move || {
        let content = Arc::clone(&content);
        async move { content.check().await }
    });
    world.close("database:photo", async move { store.close().await });
    let content = &world.config.photo.content;
    let places = content.also.map(|from| Places { from, to: content.adapter });
    Ok(Domain { asks: Asks { summarize, ..Asks::of(&actor) }, move_photos: actor.ask(), places })
}

fn parts(world: &mut World, store: Arc<dyn Store>, contents: Contents) -> Result<Parts, Failure> {
    let config = world.config.photo.clone();
    let staging = world.data("staging");
    let decoders = Decoders::new(threads(config.threads), config.uploads_max);
    world.pools.push(("photo", decoders.pool().clone()));
    Ok(Parts {
        content: contents.serving,
        places: contents.places,
        decoders,
        budget: Budget::new(config.decode_memory_bytes),
        uploads: Uploads::new(config.uploads_max),
        fingerprints: Fingerprints::new(world.secret),
        staging: Staging::open(&staging)
            .map_err(|error| Failure::cannot_create(format!("{}: {error}", staging.display())))?,
        summaries: Summaries::new(Arc::clone(&store), summaries_max(&world.config)),
        clock: Arc::clone(&world.clock),
        limits: Limits {
            upload_max_bytes: config.upload_max_bytes,
            pixels_max: config.pixels_max,
            photos_per_user_max: config.per_user_max,
        },
        store,
    })
}

/// Of how many owners summaries are remembered: of none where other nodes may change the same rows, since nobody tells of it.
fn summaries_max(config: &Config) -> u64 {
    match config.photo.store.adapter {
        Adapter::Sqlite => config.user.cache_max,
        Adapter::Postgres => 0,
    }
}
