//! A session as the fields of a hash.

use std::collections::HashMap;

use portico_kernel::{StoreError, UserId};
use portico_session::{ClientInfo, Epoch, Session, SessionId, TokenHash};
use time::OffsetDateTime;

use super::keys;
use crate::moment::{from_nanos, to_nanos};

/// The fields of a session, as the server answers them.
pub(super) type Fields = HashMap<String, String>;

/// What the scripts' `keep` takes: id, place in the index, end, and fields.
pub(super) fn arguments(session: &Session, hash: TokenHash) -> Vec<String> {
    let mut arguments =
        vec![session.id.to_string(), place(session.created_at), milliseconds(session.expires_at).to_string()];
    let fields = [
        ("token", Some(keys::hash(hash))),
        ("epoch", Some(sortable(session.epoch))),
        ("created", Some(to_nanos(session.created_at).to_string())),
        ("seen", Some(to_nanos(session.last_seen_at).to_string())),
        ("expires", Some(to_nanos(session.expires_at).to_string())),
        ("agent", session.client.user_agent.clone()),
        ("address", session.client.address.map(|address| address.to_string())),
    ];
    for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        arguments.extend([name.to_owned(), value]);
    }
    arguments
}

/// # Errors
/// `Broken` when the fields hold what no session can.
pub(super) fn session(user: UserId, id: SessionId, mut fields: Fields) -> Result<Session, StoreError> {
    let damaged = || StoreError::Broken(format!("session {id} is damaged").into());
    let moment = |name| Some(from_nanos(fields.get(name)?.parse().ok()?));
    let (created_at, last_seen_at, expires_at) = (moment("created"), moment("seen"), moment("expires"));
    let address = fields.get("address").map(|address| address.parse()).transpose();
    Ok(Session {
        id,
        user,
        epoch: fields.get("epoch").and_then(|epoch| of_sortable(epoch)).ok_or_else(damaged)?,
        created_at: created_at.ok_or_else(damaged)?,
        last_seen_at: last_seen_at.ok_or_else(damaged)?,
        expires_at: expires_at.ok_or_else(damaged)?,
        client: ClientInfo { user_agent: fields.remove("agent"), address: address.map_err(|_| damaged())? },
    })
}

/// An epoch as text that sorts as epochs do. Lua's numbers are doubles, and would take the last epochs for one.
pub(super) fn sortable(epoch: Epoch) -> String {
    format!("{:020}", epoch.cast_unsigned() ^ SIGN)
}

pub(super) fn of_sortable(text: &str) -> Option<Epoch> {
    Some((text.parse::<u64>().ok()? ^ SIGN).cast_signed())
}

/// Its bit, turned over, has the negative sort before the positive.
const SIGN: u64 = 1 << 63;

/// A place in the index. Scores are doubles, which are exact to the microsecond until the year 2255.
fn place(created_at: OffsetDateTime) -> String {
    (to_nanos(created_at) / 1_000).to_string()
}

/// When the server ends what ends at `moment`, to the millisecond.
pub(super) fn milliseconds(moment: OffsetDateTime) -> i64 {
    to_nanos(moment) / 1_000_000
}

#[cfg(test)]
mod tests {
    use portico_session::LAST_EPOCH;

    use super::*;

    #[test]
    fn epochs_sort_as_text_to_the_last_one() {
        let epochs = [Epoch::MIN, -1, 0, 1, 9, 10, LAST_EPOCH - 1, LAST_EPOCH];

        let texts = epochs.map(sortable);

        assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == 20), "{texts:?}");
        assert_eq!(texts.map(|text| of_sortable(&text).unwrap()), epochs);
    }

    #[test]
    fn a_session_with_a_field_missing_is_damaged() {
        let read = session(UserId::new(), SessionId::new(), Fields::from([("epoch".to_owned(), sortable(1))]));

        assert!(matches!(read, Err(StoreError::Broken(_))), "{read:?}");
    }
}
