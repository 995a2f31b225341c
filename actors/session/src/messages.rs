//! The session domain's whole contract.

use actix::Message;
use portico_kernel::{Event, UserId};

use crate::{ClientInfo, Epoch, Error, Live, Opened, Session, SessionId, Token};

/// Opens a session (`CreateSession`). A user who has too many loses the one that was opened first.
///
/// # Errors
/// [`Error::Stale`] when the user's credentials changed after `epoch` was read, or the account is gone.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Opened, Error>")]
pub struct Create {
    /// Whose session.
    pub user: UserId,
    /// The user's credential epoch when the password was verified.
    pub epoch: Epoch,
    /// Where it is opened from.
    pub client: ClientInfo,
}

/// Tells whose session a token opens, and counts as its use (`ValidateSession`).
///
/// # Errors
/// [`Error::Dead`] for a token that opens nothing (any more).
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Live, Error>")]
pub struct Validate {
    /// What the client presented.
    pub token: Token,
}

/// Ends one session of a user (`DeleteSession`).
///
/// # Errors
/// [`Error::Unknown`] when the user has no such session.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Delete {
    /// Whose session.
    pub user: UserId,
    /// Which one.
    pub session: SessionId,
}

/// Lists a user's live sessions, latest first.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Session>, Error>")]
pub struct List {
    /// Whose sessions.
    pub user: UserId,
}

/// Ends all sessions of a user but one.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct DeleteOthers {
    /// Whose sessions.
    pub user: UserId,
    /// The one that stays.
    pub keep: SessionId,
}

/// Makes sure that the sessions of a user can be ended even if the store cannot be told: before their credentials change.
///
/// # Errors
/// [`Error::Full`] when the ends of too many users' sessions wait for the store already.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct EnsureRevocable {
    /// Whose sessions.
    pub user: UserId,
}

/// Ends every session of a user that is older than `epoch`, for ever: a late sign-in under an older epoch is refused.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct RaiseEpoch {
    /// Whose sessions.
    pub user: UserId,
    /// The least epoch from now on; [`LAST_EPOCH`](crate::LAST_EPOCH) for a deleted account.
    pub epoch: Epoch,
}

/// Ends every session of a user that is older than `epoch` and opens a new one under it, in one step.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Opened, Error>")]
pub struct Rotate {
    /// Whose sessions.
    pub user: UserId,
    /// The least epoch from now on, and the new session's own.
    pub epoch: Epoch,
    /// Where it is opened from.
    pub client: ClientInfo,
}

/// Applies a user event (`user.registered`, `user.updated`, `user.deleted`), in whatever order and however often it
/// comes: the least epoch only ever rises.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct ApplyUserEvent(pub Event);

portico_kernel::asks! {
    /// Whom the domain's messages are asked of.
    pub struct Asks {
        create: Create,
        validate: Validate,
        delete: Delete,
        list: List,
        delete_others: DeleteOthers,
        ensure_revocable: EnsureRevocable,
        raise_epoch: RaiseEpoch,
        rotate: Rotate,
        apply_user_event: ApplyUserEvent,
    }
}
