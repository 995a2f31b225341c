//! What can go wrong with a user's account, and whose fault it is.

use std::time::Duration;

use portico_kernel::{AskError, Blame, Client, Fault, FieldError, Invalid, Server, StoreError};

/// Why a user message failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another account has the address.
    #[error("email is already registered")]
    EmailTaken,
    /// The address is unknown or the password is wrong; which of them is not told.
    #[error("email or password is wrong")]
    BadCredentials,
    /// The current password that a change or deletion needs is wrong.
    #[error("password is wrong")]
    WrongPassword,
    /// A change of address or password came without the current password.
    #[error("current password is required")]
    PasswordRequired,
    /// The chosen password breaks the policy.
    #[error("password breaks the policy")]
    WeakPassword {
        /// The request's field.
        field: &'static str,
        /// The broken rule.
        rule: Invalid,
    },
    /// There is no such user.
    #[error("user is unknown")]
    Unknown,
    /// The account changed while this change was being made.
    #[error("account was changed at the same time")]
    Conflict,
    /// The idempotency key was used for another request.
    #[error("idempotency key was used for another request")]
    KeyReused,
    /// A request under the same idempotency key is still in progress.
    #[error("a request under this idempotency key is in progress")]
    KeyInProgress,
    /// Too many passwords are waiting to be hashed.
    #[error("too many passwords are waiting to be hashed")]
    HashingOverloaded,
    /// Hashing failed: a bug, or a stored hash that is damaged.
    #[error("password hashing failed")]
    Hashing,
    /// The store failed.
    #[error("user store failed")]
    Store(#[from] StoreError),
    /// The session step failed; the account's own change stands.
    #[error("session step failed")]
    Session(#[from] portico_session::Error),
    /// The actor did not answer.
    #[error("user actor did not answer")]
    Ask(#[from] AskError),
}

impl Blame for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::BadCredentials | Self::WrongPassword => Fault::Client(Client::Unauthenticated),
            Self::EmailTaken | Self::Conflict | Self::KeyInProgress => Fault::Client(Client::Conflict),
            Self::PasswordRequired | Self::WeakPassword { .. } | Self::KeyReused => Fault::Client(Client::Invalid),
            Self::Unknown => Fault::Client(Client::Unknown),
            Self::HashingOverloaded => Fault::Server(Server::Overloaded),
            Self::Hashing => Fault::Server(Server::Broken),
            Self::Store(error) => error.fault(),
            Self::Session(error) => error.fault(),
            Self::Ask(error) => error.fault(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::EmailTaken => "email_taken",
            Self::BadCredentials => "bad_credentials",
            Self::WrongPassword => "wrong_password",
            Self::PasswordRequired | Self::WeakPassword { .. } => "invalid_field",
            Self::Unknown => "user_unknown",
            Self::Conflict => "conflict",
            Self::KeyReused => "idempotency_key_reused",
            Self::KeyInProgress => "idempotency_key_in_progress",
            Self::HashingOverloaded => "overloaded",
            Self::Hashing => "internal",
            Self::Store(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Ask(error) => error.code(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::WeakPassword { field, rule } => vec![rule.clone().of(*field)],
            Self::PasswordRequired => {
                vec![Invalid::new("required", "is needed to change the address or the password").of("current_password")]
            }
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::HashingOverloaded | Self::KeyInProgress => Some(Duration::from_secs(1)),
            Self::Session(error) => error.retry_after(),
            Self::Ask(error) => error.retry_after(),
            _ => None,
        }
    }
}
