//! The users that were asked for lately, readable from every thread: a hot profile costs no hop to the actor.
//!
//! Invariant: no older version is served once a newer one was acknowledged. Entries are made after commit, with a version,
//! and an older version never replaces a newer one. What was read from the store is kept only if no change was published
//! since before it was read: the entry of a change, or the tombstone of a deletion, may have been evicted already. Nothing
//! is kept longer than a minute, so that whatever goes wrong between a commit and its entry is forgotten soon.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use portico_kernel::{Ask, AskError, Callee, Deadline, UserId};

use crate::{Error, GetUser, User};

/// How long an entry is kept: far longer than any call may take, and short enough to be read again.
const KEPT: Duration = Duration::from_mins(1);

/// Users share counts of changes, which bounds their memory: 8 KiB. A shared one costs a read from the store now and then.
const STRIPES: usize = 1024;

/// What the [`Users`](crate::Users) actor publishes of its users. Cheap to clone; outlives the actor's restarts.
#[derive(Clone)]
pub struct Profiles(Arc<Shared>);

struct Shared {
    entries: Cache<UserId, Profile>,
    changes: Box<[AtomicU64]>,
}

/// How many changes there had been when something was about to be read from the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading(u64);

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
        let changes = (0..STRIPES).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Shared { entries: cache.build(), changes }))
    }

    /// Answers [`GetUser`] from `profiles` when they hold the user, else from the `actor`.
    pub fn reader(profiles: Self, actor: Ask<GetUser>) -> Ask<GetUser> {
        Ask::new(Reader { profiles, actor })
    }

    /// How many users are kept, about; for metrics.
    pub fn len(&self) -> u64 {
        self.0.entries.entry_count()
    }

    /// Whether no user is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The user, or that it is deleted, if that can be told without the store.
    pub(crate) fn get(&self, id: UserId) -> Option<Result<User, Error>> {
        let profile = self.0.entries.get(&id)?;
        Some(profile.user.map(|user| User::clone(&user)).ok_or(Error::Unknown))
    }

    /// Begins a reading of a user. Call it before the store is asked, and give it to [`Self::keep`] with the answer.
    pub(crate) fn reading(&self, id: UserId) -> Reading {
        Reading(self.changes(id).load(Ordering::SeqCst))
    }

    /// Keeps a user that was read from the store after `reading` began.
    pub(crate) fn keep(&self, user: &User, reading: Reading) {
        self.put(user.id, Profile::of(user), || self.reading(user.id) == reading);
    }

    /// Publishes a user as it was committed.
    pub(crate) fn publish(&self, user: &User) {
        self.outdate(user.id);
        self.put(user.id, Profile::of(user), || true);
    }

    /// Keeps in mind that the user was deleted, as the change to `version`.
    pub(crate) fn bury(&self, id: UserId, version: i64) {
        self.outdate(id);
        self.put(id, Profile { version, user: None }, || true);
    }

    /// Forgets a user of whom it is not known what was committed.
    pub(crate) fn forget(&self, id: UserId) {
        self.outdate(id);
        self.0.entries.entry(id).and_compute_with(|kept| kept.map_or(Op::Nop, |_| Op::Remove));
    }

    /// Has nobody keep what was read of the user until now.
    fn outdate(&self, id: UserId) {
        self.changes(id).fetch_add(1, Ordering::SeqCst);
    }

    /// Keeps a profile, unless a newer one is there. Whether it is still `wanted` is asked while nobody else changes the
    /// entry: whoever makes it unwanted changes the entry afterwards.
    fn put(&self, id: UserId, profile: Profile, wanted: impl FnOnce() -> bool) {
        self.0.entries.entry(id).and_compute_with(|kept| match kept {
            Some(kept) if kept.value().version >= profile.version => Op::Nop,
            _ if wanted() => Op::Put(profile),
            _ => Op::Nop,
        });
    }

    fn changes(&self, id: UserId) -> &AtomicU64 {
        // The last bytes of a UUID v7 are random.
        let [.., high, low] = id.uuid().into_bytes();
        &self.0.changes[usize::from(u16::from_be_bytes([high, low])) % STRIPES]
    }
}

impl Profile {
    fn of(user: &User) -> Self {
        Self { version: user.version, user: Some(Arc::new(user.clone())) }
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
mod tests;
