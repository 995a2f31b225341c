//! How a port's adapter fails, without naming a database.

use crate::{Blame, Fault, Server};

/// What went wrong beneath, for the log only; clients never see it.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// An adapter could not do its work. The cause is kept for the log and never shown to a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or refused for now; nothing was changed.
    #[error("store is unavailable")]
    Unavailable(#[source] Source),
    /// The store has no space left; nothing was changed.
    #[error("store is full")]
    Full(#[source] Source),
    /// The store was told to keep the change, and its answer was lost: it may have been kept. Never to be repeated blindly.
    #[error("store did not say whether it kept the change")]
    Uncertain(#[source] Source),
    /// The store answered with something that cannot be: a bug, or damage.
    #[error("store is broken")]
    Broken(#[source] Source),
}

impl Blame for StoreError {
    fn fault(&self) -> Fault {
        Fault::Server(match self {
            Self::Unavailable(_) => Server::Unavailable,
            Self::Full(_) => Server::Full,
            Self::Uncertain(_) => Server::Late,
            Self::Broken(_) => Server::Broken,
        })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Full(_) => "storage_full",
            Self::Uncertain(_) => "deadline_exceeded",
            Self::Broken(_) => "internal",
        }
    }
}
