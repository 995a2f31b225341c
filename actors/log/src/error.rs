//! What can go wrong with the log, and whose fault it is.

use portico_kernel::{AskError, Blame, Client, Fault, Server, StoreError};

use crate::APPEND_RECORDS_MAX;

/// Why a log message failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More records in one message than allowed.
    #[error("more than {APPEND_RECORDS_MAX} records in one message")]
    TooMany,
    /// The node's queue is gone: the process is ending.
    #[error("log queue is closed")]
    Closed,
    /// The store failed.
    #[error("log store failed")]
    Store(#[from] StoreError),
    /// The actor did not answer.
    #[error("log actor did not answer")]
    Ask(#[from] AskError),
}

impl Blame for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::TooMany => Fault::Client(Client::TooLarge),
            Self::Closed => Fault::Server(Server::Unavailable),
            Self::Store(error) => error.fault(),
            Self::Ask(error) => error.fault(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooMany => "too_many_records",
            Self::Closed => "unavailable",
            Self::Store(error) => error.code(),
            Self::Ask(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Ask(error) => error.retry_after(),
            Self::Store(error) => error.retry_after(),
            Self::TooMany | Self::Closed => None,
        }
    }
}
