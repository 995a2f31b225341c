//! What the user domain tells the others, through its outbox.
//!
//! The data carries no personal data: consumers need to know that a user exists, in which version, and which sessions
//! are still good.

use portico_kernel::{Event, UserId};
use portico_session::{Epoch, LAST_EPOCH};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::Account;

/// The `source` of every user event.
pub const EVENT_SOURCE: &str = "/portico/user";
/// A user registered.
pub const USER_REGISTERED: &str = "user.registered";
/// A user's name, address or password changed.
pub const USER_UPDATED: &str = "user.updated";
/// A user's account was deleted.
pub const USER_DELETED: &str = "user.deleted";

/// The `data` of every user event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEventData {
    /// Whom it is about.
    pub user_id: UserId,
    /// The user's version after the change: apply by it, never by arrival.
    pub version: i64,
    /// Sessions of an older epoch are dead.
    pub epoch: Epoch,
}

/// The event that `account` was registered.
pub fn registered(account: &Account, now: OffsetDateTime) -> Event {
    event(USER_REGISTERED, account, account.epoch, now)
}

/// The event that `account` changed into what it is now.
pub fn updated(account: &Account, now: OffsetDateTime) -> Event {
    event(USER_UPDATED, account, account.epoch, now)
}

/// The event that `account` was deleted; give it the version after its last.
pub fn deleted(account: &Account, now: OffsetDateTime) -> Event {
    event(USER_DELETED, account, LAST_EPOCH, now)
}

fn event(kind: &str, account: &Account, epoch: Epoch, now: OffsetDateTime) -> Event {
    let data = UserEventData { user_id: account.user.id, version: account.user.version, epoch };
    let data = serde_json::to_value(data).expect("plain numbers and an id serialise");
    Event::new(EVENT_SOURCE, kind, account.user.id.to_string(), now, data)
}
