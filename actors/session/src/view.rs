//! The sessions that are in use, readable from every thread: validating a hot session costs no hop to the actor.
//!
//! Invariant: once a revocation has answered, nothing that was read before it is served.
//!
//! It is kept without a lock. Every revocation draws the next number after its commit and leaves it as its user's mark;
//! every entry carries the last number that was drawn before the entry was read from the store. An entry whose number is
//! below its user's mark is dead, so that a fill which races a revocation is dead on arrival. Users share marks, which
//! bounds their memory: a shared mark costs a read from the store now and then, never a wrong answer.
//!
//! An epoch that is being raised counts at once, before the store has it (`floors`).
//!
//! Other processes may change the same sessions. The store then tells of it through a [`Watch`], whose word is a revocation
//! like any other, and what was read is trusted only as long as that is known to have told everything (`watch`).

mod floors;
mod recent;
mod watch;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use portico_kernel::{Ask, AskError, CacheLoad, Callee, Clock, Deadline, Lease, Lookups, UserId};
use time::OffsetDateTime;

pub use self::watch::Watch;
use self::{floors::Floors, recent::Recent};
use crate::{Epoch, Error, Live, Session, TokenHash, Validate};

/// How many marks the users share: 32 KiB of them.
const MARKS: usize = 4096;

/// What the [`Sessions`](crate::Sessions) actor publishes of its sessions. Cheap to clone; outlives the actor's restarts.
#[derive(Clone)]
pub struct View(Arc<Shared>);

struct Shared {
    entries: Recent<Entry>,
    lookups: Lookups,
    drawn: AtomicU64,
    marks: Box<[AtomicU64]>,
    floors: Floors,
    /// None where nobody else changes these sessions.
    lease: Option<Lease>,
}

/// What a hot check needs of a session and no more: there is one for each session in use.
#[derive(Clone, Copy)]
struct Entry {
    live: Live,
    good_until: OffsetDateTime,
    reading: Reading,
}

/// The last revocation before something was read from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading(u64);

impl View {
    /// A view of at most `entries_max` sessions, of about 150 bytes each, that nobody but this process changes.
    pub fn new(entries_max: u64) -> Self {
        Self::with_lease(entries_max, None)
    }

    /// A view of sessions that other processes change too. It trusts nothing until the [`Watch`] vouches for it.
    pub fn watched(entries_max: u64) -> (Self, Watch) {
        let view = Self::with_lease(entries_max, Some(Lease::default()));
        (view.clone(), Watch::of(view))
    }

    fn with_lease(entries_max: u64, lease: Option<Lease>) -> Self {
        let entries = Recent::new(entries_max);
        let marks = (0..MARKS).map(|_| AtomicU64::new(0)).collect();
        let (lookups, drawn, floors) = (Lookups::default(), AtomicU64::new(0), Floors::default());
        Self(Arc::new(Shared { entries, lookups, drawn, marks, floors, lease }))
    }

    /// Answers [`Validate`] from `view` when it holds the session, else from the `actor`.
    ///
    /// A session is answered from the view for as long as its use need not be written down; then it goes to the actor
    /// once, which reads it from the store again.
    pub fn validator(view: Self, clock: Arc<dyn Clock>, actor: Ask<Validate>) -> Ask<Validate> {
        Ask::new(Validator { view, clock, actor })
    }

    /// What the view holds, and how often it had the session that a [`validator`](Self::validator) was asked for; for metrics.
    pub fn load(&self) -> CacheLoad {
        self.0.lookups.load(self.len() as u64)
    }

    /// How many sessions the view holds.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether the view holds no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The session that `hash` opens at `now`, if that can be told without the store.
    pub(crate) fn get(&self, hash: TokenHash, now: OffsetDateTime) -> Option<Live> {
        let is_trusted = self.0.lease.as_ref().is_none_or(|lease| lease.holds(Instant::now()));
        if is_trusted { self.look_up(hash, now) } else { None }
    }

    fn look_up(&self, hash: TokenHash, now: OffsetDateTime) -> Option<Live> {
        let entry = self.0.entries.get(hash)?;
        (now < entry.good_until && self.holds(&entry)).then_some(entry.live)
    }

    /// Begins a reading. Call it before the store is asked, and give it to [`Self::fill`] with the store's answer.
    pub(crate) fn reading(&self) -> Reading {
        Reading(self.0.drawn.load(Ordering::SeqCst))
    }

    /// Publishes a session that was read from the store after `reading` began, until `fresh_until`.
    pub(crate) fn fill(&self, hash: TokenHash, session: &Session, fresh_until: OffsetDateTime, reading: Reading) {
        let entry = Entry { live: session.into(), good_until: fresh_until.min(session.expires_at), reading };
        if self.holds(&entry) {
            self.0.entries.insert(hash, entry);
        }
    }

    /// Publishes a session that was kept just now. A watched view does not take it: a store tells of changes to what was
    /// read from it, and this was not.
    pub(crate) fn fill_kept(&self, hash: TokenHash, session: &Session, fresh_until: OffsetDateTime, reading: Reading) {
        if self.0.lease.is_none() {
            self.fill(hash, session, fresh_until, reading);
        }
    }

    /// Announces that sessions of `user` are about to be revoked in the store. When the guard is dropped, on whatever
    /// path, everything that was read of the user until then is dead: drop it after the commit and before the answer.
    pub(crate) fn revoking(&self, user: UserId) -> Revoking {
        Revoking { view: self.clone(), user, nothing: false }
    }

    /// Announces that the least epoch of `user` is about to be raised to `epoch` in the store. From here on nothing below
    /// it is admitted; when that was [committed](Raising::committed), the store alone sees to it.
    pub(crate) fn raising(&self, user: UserId, epoch: Epoch) -> Raising {
        self.0.floors.raise(user, epoch);
        self.revoke(user); // what was read before the floor stood was not held against it
        Raising { revoking: self.revoking(user), epoch }
    }

    /// Whether the epoch of `user` could be raised although the store cannot be told. Ask this before that is decided.
    pub(crate) fn has_room(&self, user: UserId) -> bool {
        self.0.floors.have_room(user)
    }

    /// Whether `session` may be trusted although the store knows it: it may be about to end, or the store may be unable
    /// to end it. Ask this after the store was asked.
    pub(crate) fn admits(&self, session: &Session) -> bool {
        self.0.floors.admit(session)
    }

    /// Has everything that was read of `user` until now be dead.
    fn revoke(&self, user: UserId) {
        let number = self.draw();
        self.mark(user).fetch_max(number, Ordering::SeqCst);
    }

    /// Has everything that was read until now be dead.
    fn revoke_all(&self) {
        let number = self.draw();
        for mark in &self.0.marks {
            mark.fetch_max(number, Ordering::SeqCst);
        }
    }

    fn draw(&self) -> u64 {
        self.0.drawn.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Whether nothing was revoked of the session's user since the entry was read.
    fn holds(&self, entry: &Entry) -> bool {
        Reading(self.mark(entry.live.user).load(Ordering::SeqCst)) <= entry.reading
    }

    fn mark(&self, user: UserId) -> &AtomicU64 {
        // The last bytes of a UUID v7 are random.
        let [.., high, low] = user.uuid().into_bytes();
        &self.0.marks[usize::from(u16::from_be_bytes([high, low])) % MARKS]
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("entries", &self.len()).finish_non_exhaustive()
    }
}

/// A revocation that is under way.
#[must_use = "the revocation is effective when this is dropped"]
pub(crate) struct Revoking {
    view: View,
    user: UserId,
    nothing: bool,
}

impl Revoking {
    /// Nothing was revoked after all: what was read stays good.
    pub(crate) fn nothing(mut self) {
        self.nothing = true;
    }
}

impl Drop for Revoking {
    fn drop(&mut self) {
        if !self.nothing {
            self.view.revoke(self.user);
        }
    }
}

/// An epoch that is being raised. Dropped without [`Self::committed`], it holds all the same.
#[must_use = "the store is not known to have the epoch until this is told so"]
pub(crate) struct Raising {
    revoking: Revoking,
    epoch: Epoch,
}

impl Raising {
    /// The store has it, or a higher one.
    pub(crate) fn committed(self) {
        let Self { revoking, epoch } = self;
        let (view, user) = (revoking.view.clone(), revoking.user);
        drop(revoking); // first: what was read before the commit must not outlive the floor
        view.0.floors.committed(user, epoch);
    }
}

struct Validator {
    view: View,
    clock: Arc<dyn Clock>,
    actor: Ask<Validate>,
}

impl Callee<Validate> for Validator {
    fn call(
        &self,
        validate: Validate,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Result<Live, Error>, AskError>> {
        let found = self.view.get(validate.token.hash(), self.clock.now());
        if let Some(live) = self.view.0.lookups.count(found) {
            return ready(Ok(Ok(live))).boxed();
        }
        let actor = self.actor.clone();
        deadline.scope(async move { Ok(actor.ask(validate).await) }).boxed()
    }
}

#[cfg(test)]
mod tests;
