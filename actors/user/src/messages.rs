//! The user domain's whole contract. `Logout` is the session domain's `Delete`: it needs nothing of a user.

use actix::Message;
use portico_kernel::{Event, Idempotency, UserId};
use portico_session::{ClientInfo, Opened};

use crate::{Email, Error, Name, Password, PasswordHash, SignedIn, User};

/// Opens a user's account and signs its owner in (`RegisterAndLogin`).
///
/// Repeated under the same idempotency key it verifies the password and signs in again.
#[derive(Debug, Message)]
#[rtype(result = "Result<SignedIn, Error>")]
pub struct Register {
    /// What people call the user.
    pub name: Name,
    /// Where the user signs in from.
    pub email: Email,
    /// The password that the user chose.
    pub password: Password,
    /// Where the request came from.
    pub client: ClientInfo,
    /// The request's idempotency key, if it has one.
    pub idempotency: Option<Idempotency>,
}

/// Verifies a password and signs its owner in (`AuthenticateAndLogin`).
///
/// # Errors
/// [`Error::BadCredentials`], the same and in the same time for an unknown address and for a wrong password.
#[derive(Debug, Message)]
#[rtype(result = "Result<SignedIn, Error>")]
pub struct Authenticate {
    /// Who says to be signing in.
    pub email: Email,
    /// What proves it.
    pub password: Password,
    /// Where the request came from.
    pub client: ClientInfo,
}

/// Deletes an account with everything that belongs to it (`DeleteAccount`).
///
/// When it answers, the row is gone, no session of the user is accepted any more, and the deletion of everything else
/// is written down and retried until it is done.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct DeleteAccount {
    /// Whose account.
    pub user: UserId,
    /// What proves that the owner asks.
    pub password: Password,
}

/// Changes an account (`UpdateAccount`).
#[derive(Debug, Message)]
#[rtype(result = "Result<Updated, Error>")]
pub struct UpdateAccount {
    /// Whose account.
    pub user: UserId,
    /// The new name.
    pub name: Option<Name>,
    /// The new address; needs the current password.
    pub email: Option<Email>,
    /// The new password; needs the current password.
    pub new_password: Option<Password>,
    /// What proves that the owner asks; it must be right wherever it is given.
    pub current_password: Option<Password>,
    /// Where the request came from, for the rotated session.
    pub client: ClientInfo,
}

/// A changed account.
#[derive(Debug, Clone)]
pub struct Updated {
    /// The user as it is now.
    pub user: User,
    /// The session that replaces the current one, when address or password changed: every other session has ended.
    pub rotated: Option<Opened>,
}

/// Tells about a user (`GetMyProfile`, `GetProfileById`; which fields are public is the gateway's rendering).
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<User, Error>")]
pub struct GetUser {
    /// Whom.
    pub id: UserId,
}

/// Gives an account a random one-time password (see [`OneTime`](crate::OneTime)) and ends all its sessions: for an operator.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Password, Error>")]
pub struct ResetPassword {
    /// Whose password.
    pub email: Email,
}

/// Ends all sessions of an account, and leaves its password as it is: for an operator. Answers whose they were.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<UserId, Error>")]
pub struct SignOut {
    /// Whose sessions.
    pub email: Email,
}

/// Takes over accounts with hashes that another system made. Those that are known already are skipped, so that an
/// import can be repeated.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<Imported>, Error>")]
pub struct Import {
    /// At most [`Import::MAX_BATCH`] accounts; the answer has one outcome for each, in this order.
    pub users: Vec<NewAccount>,
}

impl Import {
    /// The most accounts in one message.
    pub const MAX_BATCH: usize = 500;
}

/// An account to import.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// What people call the user.
    pub name: Name,
    /// Where the user signs in from.
    pub email: Email,
    /// The hash that the password is verified against, as [`PasswordHash::import`] checked it.
    pub password: PasswordHash,
}

/// What became of an imported account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It was opened.
    Opened(UserId),
    /// Its address has an account already; nothing was changed.
    EmailTaken,
}

/// Has profiles that nodes share heed a user event, in whatever order and however often it comes.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct ApplyUserEvent(pub Event);

portico_kernel::asks! {
    /// Whom people's requests are asked of. What an operator asks, and what profiles heed, is asked on the node of the domain.
    pub struct Asks {
        register: Register,
        authenticate: Authenticate,
        delete_account: DeleteAccount,
        update_account: UpdateAccount,
        get_user: GetUser,
    }
}
