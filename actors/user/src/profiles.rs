//! The users that were asked for lately, readable from every thread: a hot profile costs no hop to the actor.
//!
//! Invariant: no older version is served once a newer one was acknowledged. Entries are made after commit, with a version,
//! and an older version never replaces a newer one. What was read is kept only if no change was published since before it
//! was read: the entry of a change, or the tombstone of a deletion, may have been evicted already. Nothing is kept longer
//! than a minute, so that whatever goes wrong between a commit and its entry is forgotten soon.
//!
//! Other nodes may change the same users. They then share what they read (`shared`), tell each other of what they change
//! (`watch`), and each keeps what it found there and nothing else, as long as it is known to be told of everything.

mod shared;
mod told;
mod watch;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use portico_kernel::{Ask, AskError, CacheLoad, Callee, Deadline, Lease, Lookups, UserId};

pub use self::{
    shared::{Profile, SharedProfiles},
    watch::ProfilesWatch,
};
use crate::{Error, GetUser, User};

/// How long an entry is kept: far longer than any call may take, and short enough to be read again.
pub const KEPT: Duration = Duration::from_mins(1);

/// Users share counts of changes, which bounds their memory: 8 KiB. A shared one costs a read from the store now and then.
const STRIPES: usize = 1024;

/// What the [`Users`](crate::Users) actor publishes of its users. Cheap to clone; outlives the actor's restarts.
#[derive(Clone)]
pub struct Profiles {
    own: Arc<Own>,
    /// What nodes share, where other nodes change these users too.
    shared: Option<Arc<dyn SharedProfiles>>,
}

/// What this process remembers.
struct Own {
    entries: Cache<UserId, Entry>,
    lookups: Lookups,
    changes: Box<[AtomicU64]>,
    /// How often anything may have changed untold.
    losses: AtomicU64,
    /// None where nobody else changes these users.
    lease: Option<Lease>,
}

/// How many changes there had been when something was about to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    changes: u64,
    losses: u64,
}

/// A user at a version.
#[derive(Clone)]
struct Entry {
    version: i64,
    /// None once the account is deleted.
    user: Option<Arc<User>>,
    /// It died with the next loss.
    losses: u64,
}

impl Profiles {
    /// Keeps at most `entries_max` users, of at most 1 KiB each, whom nobody but this process changes.
    pub fn new(entries_max: u64) -> Self {
        Self::with_lease(entries_max, None)
    }

    /// Profiles of users whom other nodes change too. They keep nothing until they are [`over`](Self::over) what those share,
    /// and trust nothing until the watch vouches for it.
    pub fn watched(entries_max: u64) -> (Self, ProfilesWatch) {
        let profiles = Self::with_lease(entries_max, Some(Lease::default()));
        (profiles.clone(), ProfilesWatch(profiles))
    }

    /// The same over what nodes share, which tells the watch of changes.
    #[must_use]
    pub fn over(self, shared: Arc<dyn SharedProfiles>) -> Self {
        Self { shared: Some(shared), ..self }
    }

    fn with_lease(entries_max: u64, lease: Option<Lease>) -> Self {
        let cache = Cache::builder()
            .name("user.profiles")
            .max_capacity(entries_max)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(KEPT);
        let changes = (0..STRIPES).map(|_| AtomicU64::new(0)).collect();
        let (entries, lookups, losses) = (cache.build(), Lookups::default(), AtomicU64::new(0));
        let own = Own { entries, lookups, changes, losses, lease };
        Self { own: Arc::new(own), shared: None }
    }

    /// Answers [`GetUser`] from `profiles` when they hold the user, else from the `actor`.
    pub fn reader(profiles: Self, actor: Ask<GetUser>) -> Ask<GetUser> {
        Ask::new(Reader { profiles, actor })
    }

    /// What is kept here, and how often it had the user that a [`reader`](Self::reader) was asked for; for metrics.
    pub fn load(&self) -> CacheLoad {
        self.own.lookups.load(self.len())
    }

    /// How many users are kept, about.
    pub fn len(&self) -> u64 {
        self.own.entries.entry_count()
    }

    /// Whether no user is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The user, or that it is deleted, if this process can tell.
    pub(crate) fn get(&self, id: UserId) -> Option<Result<User, Error>> {
        let is_trusted = self.own.lease.as_ref().is_none_or(|lease| lease.holds(Instant::now()));
        if is_trusted { self.own.look_up(id) } else { None }
    }

    /// Begins a reading of a user. Call it before anybody is asked, and give it to [`Self::find`] and [`Self::keep`].
    pub(crate) fn reading(&self, id: UserId) -> Reading {
        self.own.reading(id)
    }

    /// The user, or that it is deleted, if what nodes share can tell; it is kept here then.
    pub(crate) async fn find(&self, id: UserId, reading: Reading) -> Option<Result<User, Error>> {
        let (version, user) = match self.shared.as_ref()?.get(id).await? {
            Profile::User(user) => (user.version, Some(Arc::new(user))),
            Profile::Deleted(_, version) => (version, None),
            Profile::Changed(..) => return None,
        };
        let entry = Entry { version, user, losses: reading.losses };
        let found = entry.answer();
        self.own.put(id, entry, || self.reading(id) == reading);
        Some(found)
    }

    /// Keeps a user that was read from the store after `reading` began. What nodes share is kept there alone until it is
    /// found there: who has it told of changes is whoever asked for it.
    pub(crate) async fn keep(&self, user: &User, reading: Reading) {
        match &self.shared {
            Some(shared) if self.reading(user.id) == reading => shared.fill(user).await,
            Some(_) => {}
            None => self.own.put(user.id, Entry::of(user, reading.losses), || self.reading(user.id) == reading),
        }
    }

    /// Publishes a user that has just been opened, of whom nobody knows anything older.
    pub(crate) async fn welcome(&self, user: &User) {
        match &self.shared {
            Some(shared) => shared.fill(user).await,
            None => self.publish(user).await,
        }
    }

    /// Publishes a user as it was committed.
    pub(crate) async fn publish(&self, user: &User) {
        self.announce(Profile::User(user.clone())).await;
    }

    /// Keeps in mind that the user was deleted, as the change to `version`.
    pub(crate) async fn bury(&self, id: UserId, version: i64) {
        self.announce(Profile::Deleted(id, version)).await;
    }

    /// Forgets a user of whom it is not known whether the change to `version` was committed.
    pub(crate) async fn forget(&self, id: UserId, version: i64) {
        self.announce(Profile::Changed(id, version)).await;
    }

    /// Has nobody serve anything older, here and elsewhere.
    async fn announce(&self, profile: Profile) {
        let id = profile.id();
        self.own.outdate(id);
        let Some(shared) = &self.shared else { return self.own.settle(profile) };
        self.own.remove(id);
        shared.publish(profile).await;
        self.own.forget(id); // what was found there meanwhile
    }

    /// Has what nodes share know of a change, whoever made it.
    async fn tell(&self, profile: Profile) {
        if let Some(shared) = &self.shared {
            shared.publish(profile).await;
        }
    }
}

impl Own {
    fn look_up(&self, id: UserId) -> Option<Result<User, Error>> {
        let entry = self.entries.get(&id)?;
        (entry.losses == self.losses.load(Ordering::SeqCst)).then(|| entry.answer())
    }

    fn reading(&self, id: UserId) -> Reading {
        let losses = self.losses.load(Ordering::SeqCst);
        Reading { changes: self.changes(id).load(Ordering::SeqCst), losses }
    }

    /// Keeps what was committed, or that nobody knows what.
    fn settle(&self, profile: Profile) {
        let (id, losses) = (profile.id(), self.losses.load(Ordering::SeqCst));
        match profile {
            Profile::User(user) => self.put(id, Entry::of(&user, losses), || true),
            Profile::Deleted(_, version) => self.put(id, Entry { version, user: None, losses }, || true),
            Profile::Changed(..) => self.remove(id),
        }
    }

    /// Forgets a user, and has nobody keep what was read of it until now.
    fn forget(&self, id: UserId) {
        self.outdate(id);
        self.remove(id);
    }

    /// The same of everybody.
    fn forget_all(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate_all();
    }

    /// Has nobody keep what was read of the user until now.
    fn outdate(&self, id: UserId) {
        self.changes(id).fetch_add(1, Ordering::SeqCst);
    }

    fn remove(&self, id: UserId) {
        self.entries.entry(id).and_compute_with(|kept| kept.map_or(Op::Nop, |_| Op::Remove));
    }

    /// Keeps an entry, unless a newer one is there. Whether it is still `wanted` is asked while nobody else changes the
    /// entry: whoever makes it unwanted changes the entry afterwards.
    fn put(&self, id: UserId, entry: Entry, wanted: impl FnOnce() -> bool) {
        self.entries.entry(id).and_compute_with(|kept| match kept {
            Some(kept) if !kept.value().gives_way_to(&entry) => Op::Nop,
            _ if wanted() => Op::Put(entry),
            _ => Op::Nop,
        });
    }

    fn changes(&self, id: UserId) -> &AtomicU64 {
        // The last bytes of a UUID v7 are random.
        let [.., high, low] = id.uuid().into_bytes();
        &self.changes[usize::from(u16::from_be_bytes([high, low])) % STRIPES]
    }
}

impl Entry {
    fn of(user: &User, losses: u64) -> Self {
        Self { version: user.version, user: Some(Arc::new(user.clone())), losses }
    }

    fn gives_way_to(&self, other: &Self) -> bool {
        self.losses != other.losses || self.version < other.version
    }

    fn answer(&self) -> Result<User, Error> {
        self.user.as_ref().map(|user| User::clone(user)).ok_or(Error::Unknown)
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
        if let Some(answer) = self.profiles.own.lookups.count(self.profiles.get(get.id)) {
            return ready(Ok(answer)).boxed();
        }
        let actor = self.actor.clone();
        deadline.scope(async move { Ok(actor.ask(get).await) }).boxed()
    }
}

#[cfg(test)]
mod tests;
