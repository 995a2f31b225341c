//! Starts the session domain.

use std::sync::Arc;

use portico_kernel::Spec;
use portico_session::{Asks, Lifetimes, Limits, Sessions, View};
use time::Duration;

use super::{World, store};
use crate::exit::Failure;

/// Starts the session domain over its store. Sessions are validated from the actor's read view, and by the actor where that
/// does not suffice.
pub(super) async fn start(world: &mut World) -> Result<Asks, Failure> {
    let (store, view) = store::sessions(world).await?;
    let seconds = |seconds: u64| Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    let config = &world.config.session;
    let lifetimes = Lifetimes { idle: seconds(config.idle_s), absolute: seconds(config.absolute_s) };
    let limits = Limits { lifetimes, per_user_max: config.per_user_max };
    let actor = world.root.supervise(Spec::new("session").capacity(4096).on("session"), {
        let (store, clock, view) = (Arc::clone(&store), Arc::clone(&world.clock), view.clone());
        move || Sessions::new(Arc::clone(&store), Arc::clone(&clock), limits, view.clone())
    });
    let looked = view.clone();
    world.metrics.observe_cache("sessions", move || looked.load());
    let validate = View::validator(view, Arc::clone(&world.clock), actor.ask());
    Ok(Asks { validate, ..Asks::of(&actor) })
}
