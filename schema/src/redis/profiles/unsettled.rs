//! Changes that the server has not heard of: what it says of those users may be older.
//!
//! Invariant: nothing is answered of a user from when its change could not be told until it was. There are never more than
//! [`USERS_MAX`]; with more, nothing is answered of anybody until everything has ended that the server may have kept.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use portico_kernel::UserId;
use portico_user::PROFILES_KEPT;
use tokio::sync::Notify;

/// About 1 MiB.
const USERS_MAX: usize = 16_384;

/// The changes, by user.
#[derive(Default)]
pub(super) struct Unsettled {
    state: Mutex<State>,
    left: Notify,
}

#[derive(Default)]
struct State {
    versions: HashMap<UserId, i64>,
    /// Until when nothing is answered of anybody.
    blind_until: Option<Instant>,
}

impl Unsettled {
    /// The server has not heard that the user changed to `version`.
    pub(super) fn leave(&self, id: UserId, version: i64) {
        self.leave_at(id, version, Instant::now());
    }

    fn leave_at(&self, id: UserId, version: i64, now: Instant) {
        let mut state = self.lock();
        if state.versions.len() < USERS_MAX || state.versions.contains_key(&id) {
            let known = state.versions.entry(id).or_insert(version);
            *known = version.max(*known);
            drop(state);
            self.left.notify_one();
        } else {
            state.blind_until = Some(now + PROFILES_KEPT);
        }
    }

    /// Whether nothing may be answered of the user.
    pub(super) fn bars(&self, id: UserId) -> bool {
        self.bars_at(id, Instant::now())
    }

    fn bars_at(&self, id: UserId, now: Instant) -> bool {
        let state = self.lock();
        state.blind_until.is_some_and(|until| now < until) || state.versions.contains_key(&id)
    }

    /// A change that the server should hear of.
    pub(super) fn any(&self) -> Option<(UserId, i64)> {
        self.lock().versions.iter().next().map(|(id, version)| (*id, *version))
    }

    /// The server has heard of it.
    pub(super) fn settled(&self, id: UserId, version: i64) {
        let mut state = self.lock();
        if state.versions.get(&id).is_some_and(|known| *known <= version) {
            state.versions.remove(&id);
        }
    }

    /// Waits until there may be something.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }

    /// What is behind the lock is whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_barred_until_the_latest_change_is_settled() {
        let (unsettled, ann, ben) = (Unsettled::default(), UserId::new(), UserId::new());
        unsettled.leave(ann, 2);
        unsettled.leave(ann, 3);

        unsettled.settled(ann, 2);
        let after_the_earlier = unsettled.bars(ann);
        unsettled.settled(ann, 3);

        assert!(after_the_earlier && !unsettled.bars(ben));
        assert!(!unsettled.bars(ann) && unsettled.any().is_none());
    }

    #[test]
    fn with_too_many_nothing_is_answered_of_anybody_until_all_that_was_kept_has_ended() {
        let (unsettled, now) = (Unsettled::default(), Instant::now());
        (0..USERS_MAX).for_each(|_| unsettled.leave(UserId::new(), 2));
        let before = unsettled.bars_at(UserId::new(), now);

        unsettled.leave_at(UserId::new(), 2, now);

        assert!(!before);
        assert!(unsettled.bars_at(UserId::new(), now));
        assert!(!unsettled.bars_at(UserId::new(), now + PROFILES_KEPT));
    }
}
