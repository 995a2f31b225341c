//! The users that were asked for lately, readable from every thread: a hot profile costs no hop to the actor.
//!
//! Invariant: filled after commit, with a version; an older version never replaces a newer one, and a deletion leaves a
//! tombstone that outlives every reading that might race it. Nothing is kept longer than a minute, so that whatever
//! goes wrong between a commit and its entry is forgotten soon.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use portico_kernel::{Ask, AskError, Callee, Deadline, UserId};

use crate::{Error, GetUser, User};

/// How long an entry is kept: far longer than any call may take, and short enough to be read again.
const KEPT: Duration = Duration::from_mins(1);

/// What the [`Users`](crate::Users) actor publishes of its users. Cheap to clone; outlives the actor's restarts.
#[derive(Clone)]
pub struct Profiles(Cache<UserId, Profile>);

/// A user at a version.
#[derive(Clone)]
struct Profile {
    version: i64,
    /// None once the account is deleted.
    user: Option<Arc<User>>,
}

impl Profiles {
    /// Keeps at most `entries_max` users, of at most 1 KiB each.
    pub fn new(entries_max: u64) -> Self {
        let cache = Cache::builder()
            .name("user.profiles")
            .max_capacity(entries_max)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(KEPT);
        Self(cache.build())
    }

    /// Answers [`GetUser`] from `profiles` when they hold the user, else from the `actor`.
    pub fn reader(profiles: Self, actor: Ask<GetUser>) -> Ask<GetUser> {
        Ask::new(Reader { profiles, actor })
    }

    /// How many users are kept, about; for metrics.
    pub fn len(&self) -> u64 {
        self.0.entry_count()
    }

    /// Whether no user is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The user, or that it is deleted, if that can be told without the store.
    pub(crate) fn get(&self, id: UserId) -> Option<Result<User, Error>> {
        let profile = self.0.get(&id)?;
        Some(profile.user.map(|user| User::clone(&user)).ok_or(Error::Unknown))
    }

    /// Keeps a user as it was committed.
    pub(crate) fn fill(&self, user: &User) {
        self.put(user.id, Profile { version: user.version, user: Some(Arc::new(user.clone())) });
    }

    /// Keeps in mind that the user was deleted, as the change to `version`.
    pub(crate) fn bury(&self, id: UserId, version: i64) {
        self.put(id, Profile { version, user: None });
    }

    /// Forgets a user of whom it is not known what was committed.
    pub(crate) fn forget(&self, id: UserId) {
        self.0.invalidate(&id);
    }

    fn put(&self, id: UserId, profile: Profile) {
        self.0.entry(id).and_compute_with(|kept| match kept {
            Some(kept) if kept.value().version >= profile.version => Op::Nop,
            _ => Op::Put(profile),
        });
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profiles").field("entries", &self.len()).finish_non_exhaustive()
    }
}

struct Reader {
    profiles: Profiles,
    actor: Ask<GetUser>,
}

impl Callee<GetUser> for Reader {
    fn call(&self, get: GetUser, deadline: Deadline) -> BoxFuture<'static, Result<Result<User, Error>, AskError>> {
        if let Some(answer) = self.profiles.get(get.id) {
            return ready(Ok(answer)).boxed();
        }
        let actor = self.actor.clone();
        deadline.scope(async move { Ok(actor.ask(get).await) }).boxed()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;
    use crate::{Email, Name};

    fn user(id: UserId, version: i64) -> User {
        User {
            id,
            name: Name::parse("Ann").unwrap(),
            email: Email::parse("ann@example.com").unwrap(),
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            version,
        }
    }

    proptest! {
        #[test]
        fn the_newest_version_stays_in_whatever_order_they_come(versions in prop::collection::vec(1..20_i64, 1..30)) {
            let (profiles, id) = (Profiles::new(10), UserId::new());

            for version in &versions {
                profiles.fill(&user(id, *version));
            }

            let newest = versions.into_iter().max().unwrap();
            prop_assert_eq!(profiles.get(id).unwrap().unwrap().version, newest);
        }

        #[test]
        fn a_deleted_user_stays_deleted_whatever_comes_late(before in 1..20_i64, late in prop::collection::vec(1..20_i64, 0..9)) {
            let (profiles, id) = (Profiles::new(10), UserId::new());
            profiles.fill(&user(id, before));

            profiles.bury(id, 20);
            for version in late {
                profiles.fill(&user(id, version));
            }

            prop_assert!(matches!(profiles.get(id), Some(Err(Error::Unknown))));
        }
    }

    #[test]
    fn the_profiles_are_bounded() {
        let profiles = Profiles::new(100);

        for _ in 0..1_000 {
            profiles.fill(&user(UserId::new(), 1));
        }

        profiles.0.run_pending_tasks();
        assert_eq!(profiles.len(), 100);
    }
}
