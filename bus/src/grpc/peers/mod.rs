//! The nodes that host a domain, and which of them is asked.
//!
//! Invariant: a call is made again only when it provably never ran, on a node that was not asked yet, within its deadline and
//! under the budget. Calls in flight, nodes and connections (one each) are bounded.
//!
//! `names` looks up where the nodes are, `peer` is one of them, `standing` whether it is asked (outlier ejection), `link` its
//! connection, `dial` how that is made, `liveness` whether anybody is heard on it. `call` is what is asked, `upload`, `content` and `lines`
//! where bytes stream along, and `outcome` what became of it.

mod call;
mod content;
mod dial;
mod lines;
mod link;
mod liveness;
mod names;
mod outcome;
mod peer;
mod settings;
mod standing;
mod upload;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use portico_kernel::{AskError, Deadline, RetryBudget, TraceContext};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use self::names::Known;
pub(super) use self::{
    call::{Call, CallOutcome, ServerStreaming, Unary},
    content::{Incoming, Interrupted},
    lines::lines,
    peer::{InFlight, Peer},
    upload::Uploading,
};
pub use self::{peer::PeerState, settings::Settings};

/// The nodes that host a domain. Cheap to clone; clones share connections and what is known of each node.
#[derive(Clone)]
pub struct Peers(Arc<Shared>);

struct Shared {
    /// Empty until the addresses were first looked up.
    known: watch::Receiver<Known>,
    budget: RetryBudget,
    in_flight_max: usize,
    silence_max: Duration,
}

impl Peers {
    /// The nodes at `settings`' addresses. Nobody is connected to before the first call. What keeps connections runs where
    /// this is called, however short-lived the runtime of whoever asks.
    pub fn new(settings: Settings) -> Self {
        let (budget, in_flight_max, silence_max) =
            (settings.budget.clone(), settings.in_flight_max, settings.silence_max);
        Self(Arc::new(Shared { known: names::watch(settings), budget, in_flight_max, silence_max }))
    }

    /// What is known of each node; for metrics.
    pub fn snapshot(&self) -> Vec<PeerState> {
        let now = Instant::now();
        let known = self.0.known.borrow().clone();
        known.iter().flat_map(|peers| peers.iter()).map(|peer| peer.state(now)).collect()
    }

    /// How long a node may be silent while it sends content.
    pub(super) fn silence_max(&self) -> Duration {
        self.0.silence_max
    }

    /// Whether one of the nodes at least is connected, or can be: for readiness.
    pub async fn is_reachable(&self) -> bool {
        let Some(known) = self.0.known.borrow().clone() else { return false };
        let all: FuturesUnordered<_> = known.iter().map(|peer| peer.is_reachable()).collect();
        all.any(std::future::ready).await
    }

    /// Has one of the nodes answer that are not `excluded`. The call's place among those in flight is whoever's who gets the
    /// answer.
    pub(super) async fn ask<C: Call>(
        &self,
        mut call: C,
        deadline: Deadline,
        trace: Option<TraceContext>,
        excluded: &[Arc<Peer>],
    ) -> Result<(CallOutcome<C>, InFlight), AskError> {
        let known = self.known(deadline).await?;
        self.0.budget.deposit();
        let is_excluded = |peer: &&Arc<Peer>| excluded.iter().any(|other| Arc::ptr_eq(other, peer));
        let mut asked: Vec<&Arc<Peer>> = known.iter().filter(is_excluded).collect();
        let mut refusal = AskError::Unavailable;
        loop {
            let Some(peer) = pick(&known, &asked, Instant::now()) else { return Err(refusal) };
            if !asked.is_empty() && !self.0.budget.withdraw() {
                return Err(refusal);
            }
            let answered = match peer.enter(self.0.in_flight_max, C::CARRIES) {
                Some(place) => peer.ask(&mut call, deadline, trace).await.map(|outcome| (outcome, place)),
                None => Err(AskError::Overloaded),
            };
            match answered {
                Err(error) if error.never_ran() && !deadline.has_passed() && call.rewind() => refusal = error,
                answered => return answered,
            }
            asked.push(peer);
        }
    }

    /// The nodes, as soon as it was first looked up where they are.
    async fn known(&self, deadline: Deadline) -> Result<Arc<[Arc<Peer>]>, AskError> {
        if let Some(peers) = &*self.0.known.borrow() {
            return Ok(Arc::clone(peers));
        }
        let mut known = self.0.known.clone();
        let first = timeout_at(deadline.instant(), known.wait_for(Option::is_some)).await;
        let Ok(Ok(peers)) = first else { return Err(AskError::Unavailable) };
        peers.clone().ok_or(AskError::Unavailable)
    }
}

/// The less busy of two that stand well and were not asked yet (power of two choices). Where none stands well, any of them is
/// tried anyway.
fn pick<'a>(known: &'a [Arc<Peer>], asked: &[&Arc<Peer>], now: Instant) -> Option<&'a Arc<Peer>> {
    let others = || known.iter().filter(|peer| !asked.iter().any(|other| Arc::ptr_eq(peer, other)));
    let well: Vec<_> = others().filter(|peer| peer.is_healthy(now)).collect();
    let candidates = if well.is_empty() { others().collect() } else { well };
    let (first, second) = two_of(&candidates)?;
    let busy = |peer: &Peer| peer.in_flight.load(Ordering::Relaxed);
    Some(if busy(second) < busy(first) { second } else { first })
}

/// Two of them by chance, or the only one twice.
fn two_of<T: Copy>(all: &[T]) -> Option<(T, T)> {
    match all {
        [] => None,
        [only] => Some((*only, *only)),
        all => {
            let first = fastrand::usize(..all.len());
            let second = (first + fastrand::usize(1..all.len())) % all.len();
            Some((all[first], all[second]))
        }
    }
}
