//! Starts the user domain.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use portico_config::{Adapter, Argon2, CacheAdapter, Config};
use portico_kernel::{Ask, Outbox, Pool, Spec};
use portico_user::{
    ApplyUserEvent, Asks, HashParams, Hasher, Import, PasswordPolicy, Ports, Profiles, ResetPassword, SignOut, Store,
    Users,
};
use time::OffsetDateTime;

use super::{World, store};
use crate::exit::Failure;

/// Whether there are accounts; where a server keeps them, it is asked later.
pub(crate) fn has_accounts(config: &Config) -> bool {
    config.user.store.adapter != Adapter::Sqlite || config.data.dir.join(store::USERS).is_file()
}

/// The user domain, running in this process.
pub(super) struct Domain {
    /// Whom requests ask. Users come from the actor's read view, and from the actor where that does not suffice.
    pub(super) asks: Asks,
    /// Gives one-time passwords.
    pub(super) reset_password: Ask<ResetPassword>,
    /// Ends all sessions of an account.
    pub(super) sign_out: Ask<SignOut>,
    /// Takes over accounts.
    pub(super) import: Ask<Import>,
    /// The events that wait to be delivered.
    pub(super) outbox: Arc<dyn Outbox>,
    /// Has profiles that nodes share heed an event.
    pub(super) apply_to_profiles: Option<Ask<ApplyUserEvent>>,
}

/// Starts the user domain over its database, with a pool for its hashes.
pub(super) async fn start(world: &mut World, sessions: &portico_session::Asks) -> Result<Domain, Failure> {
    let store = Arc::new(store::users(world).await?);
    let profiles = store::profiles(world).await?;
    world.metrics.observe_database(store.operations());
    let looked = profiles.clone();
    world.metrics.observe_cache("profiles", move || looked.load());
    let ports = Ports {
        store: Arc::clone(&store) as Arc<dyn Store>,
        create: sessions.create.clone(),
        rotate: sessions.rotate.clone(),
        ensure_revocable: sessions.ensure_revocable.clone(),
        raise_epoch: sessions.raise_epoch.clone(),
        delete: sessions.delete.clone(),
        hasher: hasher(world)?,
        policy: PasswordPolicy::new(world.config.user.password.min_length).map_err(Failure::config)?,
        profiles: profiles.clone(),
        clock: Arc::clone(&world.clock),
    };
    let actor = world.root.supervise(Spec::new("user").capacity(4096).on("user"), move || Users::new(ports.clone()));
    let is_shared = world.config.user.cache.adapter == CacheAdapter::Redis;
    let apply_to_profiles = is_shared.then(|| profiles.told_by_events());
    let get_user = Profiles::reader(profiles, actor.ask());
    let probed = Arc::clone(&store);
    world.probe("database:user", move || {
        let store = Arc::clone(&probed);
        async move { Store::check(&*store).await }
    });
    let outbox = store::outbox(world, &store);
    let counted = Arc::clone(&outbox);
    world.metrics.observe_backlog("portico.outbox.depth", "Events that not every domain has yet", move || {
        let outbox = Arc::clone(&counted);
        async move { outbox.depth().await }
    });
    let (counted, clock) = (Arc::clone(&outbox), Arc::clone(&world.clock));
    world.metrics.observe_backlog("portico.outbox.age_s", "Age of the event that has waited for longest", move || {
        let (outbox, clock) = (Arc::clone(&counted), Arc::clone(&clock));
        async move { Ok(outbox.oldest_at().await?.map_or(0, |oldest| seconds_since(oldest, clock.now()))) }
    });
    world.close("database:user", async move { store.close().await });
    Ok(Domain {
        asks: Asks { get_user, ..Asks::of(&actor) },
        reset_password: actor.ask(),
        sign_out: actor.ask(),
        import: actor.ask(),
        outbox,
        apply_to_profiles,
    })
}

fn seconds_since(moment: OffsetDateTime, now: OffsetDateTime) -> u64 {
    (now - moment).whole_seconds().try_into().unwrap_or_default() // another node's clock may be ahead
}

fn hasher(world: &mut World) -> Result<Hasher, Failure> {
    let config = world.config.user.password.clone();
    let Argon2 { memory_kib, iterations, parallelism } = config.argon2;
    if config.argon2.is_below_owasp() {
        tracing::warn!(memory_kib, iterations, "user.password.argon2 is below what OWASP asks for at the least");
    }
    let pool = Pool::new("hash", threads(config.hash_threads), config.hash_queue_max);
    world.pools.push(("hash", pool.clone()));
    Hasher::new(HashParams { memory_kib, iterations, parallelism }, pool).map_err(Failure::config)
}

/// As many threads as configured, or one per core.
pub(super) fn threads(configured: Option<NonZeroUsize>) -> usize {
    configured.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}
