//! Who hears what the server tells on a connection unasked.
//!
//! Invariant: a change to a key is told to whom it concerns and to nobody else: a profile that changes costs no session its
//! place in memory, nor the other way round.

use std::time::Instant;

use portico_session::Watch;
use portico_user::ProfilesWatch;

use super::keys::{self, Kind};

/// Those who remember what they read on a connection; the server tells nothing where nobody does.
#[derive(Debug, Clone, Default)]
pub struct Ears {
    /// Of sessions.
    pub sessions: Option<Watch>,
    /// Of profiles.
    pub profiles: Option<ProfilesWatch>,
}

impl Ears {
    /// Whether anybody listens.
    pub(super) fn listen(&self) -> bool {
        self.sessions.is_some() || self.profiles.is_some()
    }

    /// What is under `key` changed.
    pub(super) fn changed(&self, key: &str) {
        match (keys::of_user(key), &self.sessions, &self.profiles) {
            (Some((user, Kind::Session)), Some(sessions), _) => sessions.changed(user),
            (Some((user, Kind::Profile)), _, Some(profiles)) => profiles.changed(user),
            _ => {}
        }
    }

    /// Anything may have changed untold.
    pub(super) fn lost(&self) {
        self.sessions.iter().for_each(Watch::lost);
        self.profiles.iter().for_each(ProfilesWatch::lost);
    }

    /// Each change that was made before `asked` has been told.
    pub(super) fn complete(&self, asked: Instant) {
        self.sessions.iter().for_each(|watch| watch.complete(asked));
        self.profiles.iter().for_each(|watch| watch.complete(asked));
    }
}
