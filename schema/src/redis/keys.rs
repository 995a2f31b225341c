//! The names of the keys.
//!
//! Invariant: everything of a user is in one slot of a cluster, so that one script may change it; a token, which must be
//! found before its user is known, is not, and only says where to look (ADR 010).

use portico_kernel::UserId;
use portico_session::{SessionId, TokenHash};

/// The key that readiness writes.
pub(super) const PROBE: &str = "portico:probe";

/// What ends the key of a profile.
const PROFILE: &str = ":profile";
/// Where an import writes down how far it has come.
pub(super) const IMPORT: &str = "portico:import";

/// What matches every key of Portico's, of a session, and of a least epoch.
pub(super) const EVERY: &str = "portico:*";
pub(super) const EVERY_SESSION: &str = "portico:{*}:session:*";
pub(super) const EVERY_LEAST: &str = "portico:{*}:least";

/// A user's least epoch.
pub(super) fn least(user: UserId) -> String {
    format!("portico:{{{user}}}:least")
}

/// A user's sessions, by when they were opened.
pub(super) fn index(user: UserId) -> String {
    format!("portico:{{{user}}}:sessions")
}

/// What begins the key of each of a user's sessions; its id follows.
pub(super) fn sessions(user: UserId) -> String {
    format!("portico:{{{user}}}:session:")
}

/// One session.
pub(super) fn session(user: UserId, session: SessionId) -> String {
    format!("{}{session}", sessions(user))
}

/// What nodes share of a user's profile.
pub(super) fn profile(user: UserId) -> String {
    format!("portico:{{{user}}}{PROFILE}")
}

/// Where the session is that a token opens.
pub(super) fn token(hash: &str) -> String {
    format!("portico:token:{hash}")
}

/// A token's hash as it stands in keys and fields.
pub(super) fn hash(TokenHash(hash): TokenHash) -> String {
    hex::encode(hash)
}

/// What a key of a user's holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The profile.
    Profile,
    /// What the user's sessions consist of.
    Session,
}

/// Whose key it is, and of what; none of one that is no user's.
pub(super) fn of_user(key: &str) -> Option<(UserId, Kind)> {
    let (user, rest) = key.strip_prefix("portico:{")?.split_once('}')?;
    let kind = if rest == PROFILE { Kind::Profile } else { Kind::Session };
    Some((user.parse().ok()?, kind))
}

/// Which session's key it is; none of one that is no session's.
pub(super) fn session_of(key: &str) -> Option<SessionId> {
    key.split_once("}:session:")?.1.parse().ok()
}

/// What stands under a token: whose session it opens, and which.
pub(super) fn place(user: UserId, session: SessionId) -> String {
    format!("{user} {session}")
}

/// Reads what [`place`] wrote.
pub(super) fn of_place(place: &str) -> Option<(UserId, SessionId)> {
    let (user, session) = place.split_once(' ')?;
    Some((user.parse().ok()?, session.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_user_says_whose_it_is_by_its_hash_tag_and_what_it_holds() {
        let (user, id) = (UserId::new(), SessionId::new());
        let tag = format!("{{{user}}}");
        let of_sessions = [least(user), index(user), session(user, id)].map(|key| (key, Kind::Session));

        for (key, kind) in of_sessions.into_iter().chain([(profile(user), Kind::Profile)]) {
            assert!(key.contains(&tag), "{key}");
            assert_eq!(of_user(&key), Some((user, kind)));
        }
        assert_eq!(session_of(&session(user, id)), Some(id));
        assert_eq!([session_of(&least(user)), session_of(&index(user)), session_of(IMPORT)], [None; 3]);
        assert_eq!([of_user(&token("00")), of_user(PROBE), of_user("portico:{ann}:least")], [None; 3]);
    }

    #[test]
    fn a_place_reads_back() {
        let (user, session) = (UserId::new(), SessionId::new());

        assert_eq!(of_place(&place(user, session)), Some((user, session)));
        assert_eq!(of_place("damaged"), None);
    }
}
