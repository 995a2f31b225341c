//! Starts the session domain.

use std::sync::Arc;

use portico_kernel::{Ask, Ref, Spec};
use portico_schema::session::Sessions as Adapter;
use portico_session::{Lifetimes, Limits, Sessions, Store, Validate, View};
use time::Duration;

use super::{World, unopened};
use crate::exit::Failure;

/// The running session domain.
pub(super) struct Domain {
    /// The actor.
    pub(super) actor: Ref<Sessions>,
    /// Validates from the actor's read view, and asks the actor where that does not suffice.
    pub(super) validate: Ask<Validate>,
}

/// Starts the session domain over its database.
pub(super) async fn start(world: &mut World) -> Result<Domain, Failure> {
    let path = world.data("session.db");
    let store = Arc::new(Adapter::open(&path).await.map_err(unopened(&path))?);
    store.migrate().await.map_err(unopened(&path))?;
    let seconds = |seconds: u64| Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    let config = &world.config.session;
    let lifetimes = Lifetimes { idle: seconds(config.idle_s), absolute: seconds(config.absolute_s) };
    let limits = Limits { lifetimes, per_user_max: config.per_user_max };
    let view = View::new(config.cache_max);
    let actor = world.root.supervise(Spec::new("session").capacity(4096).on("session"), {
        let (store, clock, view) = (Arc::clone(&store), Arc::clone(&world.clock), view.clone());
        move || Sessions::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock), limits, view.clone())
    });
    let validate = View::validator(view, Arc::clone(&world.clock), actor.ask());
    let probed = Arc::clone(&store);
    world.probe("database:session", move || {
        let store = Arc::clone(&probed);
        async move { Store::check(&*store).await }
    });
    world.close("session.db", async move { store.close().await });
    Ok(Domain { actor, validate })
}
