//! What can go wrong with a session, and whose fault it is.

use std::time::Duration;

use portico_kernel::{AskError, Blame, Client, Fault, Server, StoreError};

/// When the store may take again what waits for it.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(10);

/// Why a session message failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token opens no live session.
    #[error("session is unknown or has ended")]
    Dead,
    /// The user has no such session.
    #[error("user has no such session")]
    Unknown,
    /// The credentials changed since they were verified.
    #[error("credentials changed since they were verified")]
    Stale,
    /// An event that cannot be understood: a poison message.
    #[error("event cannot be understood")]
    BadEvent(#[source] serde_json::Error),
    /// The ends of too many users' sessions wait for the store.
    #[error("too many sessions wait to be ended")]
    Full,
    /// The store failed.
    #[error("session store failed")]
    Store(#[from] StoreError),
    /// The actor did not answer.
    #[error("session actor did not answer")]
    Ask(#[from] AskError),
}

impl Blame for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Dead | Self::Stale => Fault::Client(Client::Unauthenticated),
            Self::Unknown => Fault::Client(Client::Unknown),
            Self::BadEvent(_) => Fault::Client(Client::Malformed),
            Self::Full => Fault::Server(Server::Unavailable),
            Self::Store(error) => error.fault(),
            Self::Ask(error) => error.fault(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Dead => "session_dead",
            Self::Stale => "credentials_changed",
            Self::Unknown => "session_unknown",
            Self::BadEvent(_) => "bad_event",
            Self::Full => "unavailable",
            Self::Store(error) => error.code(),
            Self::Ask(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Ask(error) => error.retry_after(),
            Self::Store(error) => error.retry_after(),
            Self::Full => Some(FULL_RETRY_AFTER),
            Self::Dead | Self::Stale | Self::Unknown | Self::BadEvent(_) => None,
        }
    }
}
