//! Reads user events.
//!
//! Invariant: what is needed of them is spelt out here, so that this domain depends on the events' form and not on the
//! user domain's code; further fields and kinds are ignored.

use portico_kernel::{Event, UserId};
use serde::Deserialize;

use crate::{Error, OwnerChange};

#[derive(Deserialize)]
struct UserEventData {
    user_id: UserId,
    version: i64,
}

/// What an event says of an owner; none if it is of a kind that says nothing to this domain.
///
/// # Errors
/// [`Error::BadEvent`] if its data cannot be understood.
pub(super) fn owner_change(event: &Event) -> Result<Option<OwnerChange>, Error> {
    let deleted = match event.kind.as_str() {
        "user.registered" | "user.updated" => false,
        "user.deleted" => true,
        _ => return Ok(None),
    };
    let UserEventData { user_id, version } = UserEventData::deserialize(&event.data).map_err(Error::BadEvent)?;
    Ok(Some(OwnerChange { owner: user_id, version, deleted }))
}
