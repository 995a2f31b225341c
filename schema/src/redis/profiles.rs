//! What nodes share of users' profiles, for a minute each.
//!
//! Invariant: of a user nothing is answered that is older than what was published by this node, or has reached the server;
//! and nobody waits for a server that is away: it then knows nothing.
//!
//! What could not be published stands in `unsettled`, where nothing is answered of it, and is told to the server as soon as
//! that can be. Other nodes lost the server too, as a rule: so nobody believes what a connection answers before it is a
//! lease old. Whoever lost it alone has others believe what is there for a minute, or until the change's event reaches it
//! (ADR 015).

mod quota;
mod record;
mod unsettled;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use fred::interfaces::{ClientLike as _, KeysInterface as _, LuaInterface as _};
use portico_kernel::{LEASE, StoreError, UserId};
use portico_user::{PROFILES_KEPT, Profile, SharedProfiles, User};
use tokio_util::task::AbortOnDropHandle;

use self::{quota::Quota, unsettled::Unsettled};
use super::{Ears, Sessions, Settings, Unopened, keys, link::Link};

/// Keeps a profile unless something newer is known.
const KEEP: &str = include_str!("scripts/profile.lua");
/// The wait before what is unsettled is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// The profiles that nodes share on a server.
pub struct Profiles {
    inner: Arc<Inner>,
    settling: AbortOnDropHandle<()>,
}

struct Inner {
    link: Arc<Link>,
    /// How long an answer is waited for.
    timeout: Duration,
    unsettled: Unsettled,
    fills: Quota,
    outcomes: Outcomes,
}

/// What came of asking for profiles.
#[derive(Debug, Default)]
pub struct Outcomes {
    hits: AtomicU64,
    misses: AtomicU64,
    bypassed: AtomicU64,
}

impl Outcomes {
    /// How often each was: `hit`, answered from there; `miss`, nothing was known; `bypassed`, the server could not be asked,
    /// or not be believed.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        [("hit", &self.hits), ("miss", &self.misses), ("bypassed", &self.bypassed)]
            .map(|(outcome, count)| (outcome, count.load(Relaxed)))
    }
}

impl Profiles {
    /// Connects to a server, which may come later. This node keeps at most `fills_max` profiles there in a minute, twice as
    /// many at its turn.
    ///
    /// # Errors
    /// The operator's: why the server will never do.
    pub async fn connect(settings: &Settings, ears: Ears, fills_max: u64) -> Result<Self, Unopened> {
        let link = Box::pin(Link::open_or_later(settings, ears)).await?;
        Ok(Self::over(Arc::new(link), settings.timeout, fills_max))
    }

    /// The same on the connection of `sessions`, whose ears must be those of the profiles too. An answer is waited for as
    /// long as `timeout`.
    pub fn beside(sessions: &Sessions, timeout: Duration, fills_max: u64) -> Self {
        Self::over(Arc::clone(&sessions.link), timeout, fills_max)
    }

    fn over(link: Arc<Link>, timeout: Duration, fills_max: u64) -> Self {
        let (unsettled, fills) = (Unsettled::default(), Quota::new(fills_max));
        let inner = Arc::new(Inner { link, timeout, unsettled, fills, outcomes: Outcomes::default() });
        let settling = AbortOnDropHandle::new(tokio::spawn(settle(Arc::clone(&inner))));
        Self { inner, settling }
    }

    /// What came of asking; for metrics.
    pub fn outcomes(&self) -> &Outcomes {
        &self.inner.outcomes
    }

    /// Whether the server answers: for readiness, which does not depend on it.
    ///
    /// # Errors
    /// `Unavailable` while it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.inner.link.read(|client| async move { client.ping::<()>(None).await }).await
    }

    /// Ends the connection. Nothing is known from then on.
    pub fn close(&self) {
        self.settling.abort();
        self.inner.link.close();
    }
}

#[async_trait]
impl SharedProfiles for Profiles {
    async fn get(&self, id: UserId) -> Option<Profile> {
        let (found, outcome) = match self.inner.get(id).await {
            Some(Some(profile)) => (Some(profile), &self.inner.outcomes.hits),
            Some(None) => (None, &self.inner.outcomes.misses),
            None => (None, &self.inner.outcomes.bypassed),
        };
        outcome.fetch_add(1, Relaxed);
        found
    }

    async fn fill(&self, user: &User) {
        if self.inner.link.age().is_some() && self.inner.fills.take() {
            let _read_again_next_time = self.inner.keep(&Profile::User(user.clone())).await;
        }
    }

    async fn publish(&self, profile: Profile) {
        if self.inner.keep(&profile).await.is_err() {
            self.inner.unsettled.leave(profile.id(), profile.version());
        }
    }
}

impl Inner {
    /// What is known; none where nobody can be asked who is to be believed.
    async fn get(&self, id: UserId) -> Option<Option<Profile>> {
        let is_believed = self.link.age().is_some_and(|age| age >= LEASE) && !self.unsettled.bars(id);
        if !is_believed {
            return None;
        }
        let read = self.link.read(|client| async move { client.get::<Option<String>, _>(keys::profile(id)).await });
        let text = tokio::time::timeout(self.timeout, read).await.ok()?.ok()?;
        // Asked again: a change may have become unsettled while the answer came.
        if self.unsettled.bars(id) { None } else { Some(text.and_then(|text| record::of(id, &text))) }
    }

    /// Has the server keep a profile, or at least nothing older.
    async fn keep(&self, profile: &Profile) -> Result<(), StoreError> {
        let key = keys::profile(profile.id());
        let kept_ms = PROFILES_KEPT.as_millis().to_string();
        let arguments = vec![record::version(profile.version()), record::known(profile), kept_ms];
        let kept = self.link.write(|client| async move { client.eval::<i64, _, _, _>(KEEP, key, arguments).await });
        let timed_out = |_| StoreError::Uncertain("the server has not answered in time".into());
        tokio::time::timeout(self.timeout, kept).await.map_err(timed_out)?.map(drop)
    }
}

/// Tells the server of what it has not heard yet, whenever there is some.
async fn settle(inner: Arc<Inner>) {
    loop {
        let Some((id, version)) = inner.unsettled.any() else {
            inner.unsettled.left().await;
            continue;
        };
        match inner.keep(&Profile::Changed(id, version)).await {
            Ok(()) => inner.unsettled.settled(id, version),
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}
