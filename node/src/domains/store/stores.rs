//! The stores that `portico data` takes rows out of and into, without a domain over them.

use portico_config::{Config, SessionAdapter};
use portico_schema::{photo::Photos, session::Sessions, transfer::Transfer, user::Users};
use tokio_util::sync::CancellationToken;

use super::{open_photos, open_sessions, open_users};
use crate::exit::Failure;

/// The stores of a configuration, with tables of this version.
pub(crate) struct Stores {
    users: Users,
    sessions: Kept,
    photos: Photos,
}

/// Where sessions are.
enum Kept {
    Local(Box<Sessions>),
    #[cfg(feature = "distributed")]
    Redis(portico_schema::redis::Sessions),
}

impl Stores {
    /// Opens them, and brings their tables up to date.
    ///
    /// # Errors
    /// The operator's: one of them cannot be opened.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        let stop = CancellationToken::new(); // whoever waits for a server here ends with the process
        let users = open_users(config, &stop).await?;
        let sessions = Kept::open(config, &stop).await?;
        Ok(Self { users, sessions, photos: open_photos(config, &stop).await? })
    }

    /// What of them can be taken, users first.
    pub(crate) fn transfers(&self) -> [Box<dyn Transfer + '_>; 3] {
        [self.users.transfer(), self.sessions.transfer(), self.photos.transfer()]
    }

    /// Closes them. What was committed stands, whether they close in order or not.
    pub(crate) async fn close(self) {
        self.sessions.close().await;
        drop(self.photos.close().await);
        drop(self.users.close().await);
    }
}

impl Kept {
    #[cfg_attr(not(feature = "distributed"), expect(unused_variables, reason = "servers are waited for"))]
    async fn open(config: &Config, stop: &CancellationToken) -> Result<Self, Failure> {
        if config.session.store.adapter == SessionAdapter::Redis {
            #[cfg(feature = "distributed")]
            return Box::pin(super::redis::connect(config, portico_schema::redis::Ears::default(), stop))
                .await
                .map(Self::Redis);
            #[cfg(not(feature = "distributed"))]
            unreachable!("{}", super::UNBUILT);
        }
        open_sessions(config).await.map(Box::new).map(Self::Local)
    }

    fn transfer(&self) -> Box<dyn Transfer + '_> {
        match self {
            Self::Local(sessions) => sessions.transfer(),
            #[cfg(feature = "distributed")]
            Self::Redis(sessions) => sessions.transfer(),
        }
    }

    async fn close(self) {
        match self {
            Self::Local(sessions) => drop(sessions.close().await),
            #[cfg(feature = "distributed")]
            Self::Redis(sessions) => sessions.close(),
        }
    }
}
