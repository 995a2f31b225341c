//! The domains of a node: one line each where they are started, below those that they ask.

mod bus;
#[cfg(feature = "distributed")]
mod elsewhere;
#[cfg(not(feature = "distributed"))]
#[path = "domains/elsewhere/unbuilt.rs"]
mod elsewhere;
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
use portico_config::{Config, Role};
use portico_gateway::Asks;
use portico_kernel::{Clock, Pool, StoreError, Supervisor};
use portico_user::Profiles;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    log::{DIRECTORY as LOG_DIRECTORY, Journal},
    store::Stores,
    user::has_accounts,
};
use crate::{
    control::{Control, PhotoControl, UserControl},
    exit::Failure,
    metrics::Metrics,
    readiness::Dependency,
};
#[cfg(feature = "distributed")]
use crate::{threads::Threads, trust::Trust};

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
    /// Where nodes talk to each other.
    #[cfg(feature = "distributed")]
    pub(crate) threads: Threads,
    /// By what they know each other; none where they trust everybody on this machine.
    #[cfg(feature = "distributed")]
    pub(crate) trust: Option<Trust>,
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

/// The domains that this process hosts, and how it asks those that others host; none where nothing here needs them.
pub(crate) struct Domains {
    sessions: Option<portico_session::Asks>,
    photos: Option<portico_photo::Asks>,
    users: Option<portico_user::Asks>,
    /// In this process.
    photo: Option<photo::Domain>,
    /// In this process.
    user: Option<user::Domain>,
    /// None: what is committed waits in the outbox for the next node that has couriers.
    bus: Option<bus::Domain>,
    /// The log, which hears the others to the last.
    pub(crate) log: log::Domain,
}

/// Whom other nodes may ask.
#[cfg(feature = "distributed")]
pub(crate) struct Hosted {
    /// The session domain.
    pub(crate) sessions: Option<portico_session::Asks>,
    /// The user domain.
    pub(crate) users: Option<portico_user::Asks>,
    /// The photo domain.
    pub(crate) photos: Option<portico_photo::Asks>,
    /// The log domain.
    pub(crate) logs: Option<portico_log::Asks>,
}

impl Domains {
    /// Starts every domain that this node hosts, and no courier between them.
    ///
    /// # Errors
    /// The operator's: a store that cannot be opened, named with its path, or certificates that cannot be used.
    pub(crate) async fn start(world: &mut World, journal: Journal) -> Result<Self, Failure> {
        let log = log::start(world, journal)?;
        let node = world.config.node.clone();
        let sessions =
            if node.hosts(Role::Session) { Some(session::start(world).await?) } else { elsewhere::sessions(world)? };
        let photo = if node.hosts(Role::Photo) { Some(photo::start(world).await?) } else { None };
        let photos = match &photo {
            Some(photo) => Some(photo.asks.clone()),
            None => elsewhere::photos(world)?,
        };
        let user = match &sessions {
            Some(sessions) if node.hosts(Role::User) => Some(user::start(world, sessions).await?),
            _ => None,
        };
        let users = match &user {
            Some(user) => Some(user.asks.clone()),
            None => elsewhere::users(world)?,
        };
        Ok(Self { sessions, photos, users, photo, user, bus: None, log })
    }

    /// Starts what carries each domain's events to the others, and log records between nodes.
    ///
    /// # Errors
    /// The operator's: a server that they go over cannot be used.
    pub(crate) async fn start_couriers(&mut self, world: &mut World) -> Result<(), Failure> {
        if let (Some(user), Some(sessions)) = (&self.user, &self.sessions) {
            self.bus = Some(bus::start(world, user, sessions, self.photos.as_ref()).await?);
        }
        if let Some(photo) = &self.photo {
            bus::receive(world, &photo.asks)?;
        }
        self.log.start_bridges(&world.root);
        Ok(())
    }

    /// What the gateway asks; none where there is to be none.
    pub(crate) fn asks(&self) -> Option<Asks> {
        let (user, session, photo) = (self.users.clone()?, self.sessions.clone()?, self.photos.clone()?);
        Some(Asks {
            register: user.register,
            authenticate: user.authenticate,
            delete_account: user.delete_account,
            update_account: user.update_account,
            get_user: user.get_user,
            validate_session: session.validate,
            list_sessions: session.list,
            delete_session: session.delete,
            delete_other_sessions: session.delete_others,
            load_photo: photo.load,
            get_photo: photo.get,
            list_photos: photo.list,
            summarize_photos: photo.summarize,
            open_photo: photo.open,
            delete_photo: photo.delete,
        })
    }

    /// What other nodes ask: the domains of this one. Whoever follows log records does so until `stop` is cancelled.
    #[cfg(feature = "distributed")]
    pub(crate) fn hosted(&self, config: &Config, metrics: &Metrics, stop: CancellationToken) -> Hosted {
        Hosted {
            sessions: self.sessions.clone().filter(|_| config.node.hosts(Role::Session)),
            users: self.user.as_ref().map(|user| user.asks.clone()),
            photos: self.photo.as_ref().map(|photo| photo.asks.clone()),
            logs: self.log.for_others(config, metrics, stop),
        }
    }

    /// What the operator's commands ask.
    pub(crate) fn control(&self) -> Control {
        Control {
            users: self.user.as_ref().map(|user| UserControl {
                reset_password: user.reset_password.clone(),
                sign_out: user.sign_out.clone(),
                import: user.import.clone(),
            }),
            photos: self.photo.as_ref().map(|photo| PhotoControl {
                move_photos: photo.move_photos.clone().timeout(MOVED_WITHIN),
                places: photo.places,
            }),
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
