//! The domains of a node: one line each where they are started, below those that they ask.

mod bus;
mod log;
mod photo;
mod session;
mod store;
mod user;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use portico_config::Config;
use portico_gateway::Asks;
use portico_kernel::{Clock, Pool, StoreError, Supervisor};
use portico_user::Profiles;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{log::Journal, store::Stores, user::has_accounts};
use crate::{control::Control, exit::Failure, metrics::Metrics, readiness::Dependency};

/// How long the content of a few photos may take to be moved; what is given up before is carried on by whoever asks again.
const MOVED_WITHIN: Duration = Duration::from_hours(1);

/// What every domain is started with.
pub(crate) struct World {
    /// The configuration in force.
    pub(crate) config: Config,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The node's secret.
    pub(crate) secret: [u8; 32],
    /// The root of the supervision tree.
    pub(crate) root: Supervisor,
    /// What the node counts.
    pub(crate) metrics: Metrics,
    /// Cancelled when the node is to stop: nothing is waited for any more.
    pub(crate) stop: CancellationToken,
    /// The pools of threads, by name.
    pub(crate) pools: Vec<(&'static str, Pool)>,
    /// Asks each dependency whether it works.
    pub(crate) probes: Vec<Dependency>,
    /// The profiles whose changes the connection of sessions tells of.
    #[cfg_attr(not(feature = "distributed"), expect(dead_code, reason = "it is of servers"))]
    pub(crate) profiles: Option<Profiles>,
    /// Wakes who waits for the server of sessions, each time that it is there again.
    pub(crate) sessions_returned: Option<Arc<Notify>>,
    /// What to close once every actor has stopped, the first one first.
    pub(crate) closers: Vec<BoxFuture<'static, ()>>,
}

impl World {
    /// A path in the data directory.
    fn data(&self, name: &str) -> PathBuf {
        self.config.data.dir.join(name)
    }

    fn probe<F>(&mut self, name: &'static str, probe: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        self.probes.push(Dependency { name, probe: Box::new(move || Box::pin(probe())), is_needed: true });
    }

    /// The same of what requests can do without for a while.
    #[cfg(feature = "distributed")]
    fn probe_besides<F>(&mut self, name: &'static str, probe: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        self.probes.push(Dependency { name, probe: Box::new(move || Box::pin(probe())), is_needed: false });
    }

    fn close(&mut self, name: &'static str, closer: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
        self.closers.push(Box::pin(async move {
            if let Err(error) = closer.await {
                tracing::warn!(name, error = &error as &dyn std::error::Error, "store did not close in order");
            }
        }));
    }
}

/// The running domains.
pub(crate) struct Domains {
    session: session::Domain,
    photo: photo::Domain,
    user: user::Domain,
    /// None: what is committed waits in the outbox for the next node that has couriers.
    bus: Option<bus::Domain>,
    /// The log, which hears the others to the last.
    pub(crate) log: log::Domain,
}

impl Domains {
    /// Starts every domain of the node, and no courier between them.
    ///
    /// # Errors
    /// The operator's: a store that cannot be opened, named with its path.
    pub(crate) async fn start(world: &mut World, journal: Journal) -> Result<Self, Failure> {
        let log = log::start(world, journal)?;
        let session = session::start(world).await?;
        let photo = photo::start(world).await?;
        let user = user::start(world, &session).await?;
        Ok(Self { session, photo, user, bus: None, log })
    }

    /// Starts what carries each domain's events to the others, and log records between nodes.
    ///
    /// # Errors
    /// The operator's: a server that they go over cannot be used.
    pub(crate) async fn start_couriers(&mut self, world: &mut World) -> Result<(), Failure> {
        self.bus = Some(bus::start(world, &self.user, &self.session, &self.photo).await?);
        self.log.start_bridges(&world.root);
        Ok(())
    }

    /// What the gateway asks.
    pub(crate) fn asks(&self) -> Asks {
        let (user, session, photo) = (&self.user.actor, &self.session.actor, &self.photo.actor);
        Asks {
            register: user.ask(),
            authenticate: user.ask(),
            delete_account: user.ask(),
            update_account: user.ask(),
            get_user: self.user.get_user.clone(),
            validate_session: self.session.validate.clone(),
            list_sessions: session.ask(),
            delete_session: session.ask(),
            delete_other_sessions: session.ask(),
            load_photo: photo.ask(),
            get_photo: photo.ask(),
            list_photos: photo.ask(),
            summarize_photos: self.photo.summarize.clone(),
            open_photo: photo.ask(),
            delete_photo: photo.ask(),
        }
    }

    /// What the operator's commands ask.
    pub(crate) fn control(&self) -> Control {
        let user = &self.user.actor;
        let move_photos = self.photo.actor.ask().timeout(MOVED_WITHIN);
        Control {
            reset_password: user.ask(),
            sign_out: user.ask(),
            import: user.ask(),
            move_photos,
            places: self.photo.places,
        }
    }

    /// Sees whether what the node sends can be sent at all.
    ///
    /// # Errors
    /// The operator's: a setting that will never do.
    pub(crate) async fn check_transports(&self) -> Result<(), Failure> {
        self.log.check().await
    }

    /// Has every session refused that was ended before the node stopped, whatever kept that from being written down.
    ///
    /// # Errors
    /// The operator's: it cannot be done for now.
    pub(crate) async fn revoke_what_waits(&self) -> Result<(), Failure> {
        match &self.bus {
            Some(bus) => bus.revoke_what_waits().await,
            None => Ok(()),
        }
    }

    /// Delivers the events that were committed last, once no work comes in any more.
    pub(crate) async fn flush(&self) {
        if let Some(bus) = &self.bus {
            bus.flush().await;
        }
    }
}

/// Says which store could not be opened, and why.
fn unopened<E: std::error::Error>(path: &Path) -> impl FnOnce(E) -> Failure + use<E> {
    let path = path.display().to_string();
    move |error| Failure::cannot_create(format!("{path}: {}", chain(&error)))
}

/// An error with its causes, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |chain, cause| format!("{chain}: {cause}"))
}
