//! What was refused of other nodes, and why: all of it is counted, and some of it logged.
//!
//! Invariant: whoever is refused a thousand times a second fills no log: of each reason one record is written at most in
//! [`TOLD_EVERY`], with how many there were.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long the log is silent about a reason after it told of it.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Why a connection or a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A connection that was one too many, of all or of its address.
    Full,
    /// A connection whose TLS handshake failed or took too long: without a certificate that is wanted, as a rule.
    Handshake,
    /// A connection that did not begin as HTTP/2 does, or not in time.
    Protocol,
    /// A call of a node that may not make it.
    Role,
    /// A call that was one too many of its address.
    Calls,
    /// A call that this node does not have: the caller is of another version, or takes it for another role.
    Unknown,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Full, Self::Handshake, Self::Protocol, Self::Role, Self::Calls, Self::Unknown];

    /// Its name in metrics and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Handshake => "handshake",
            Self::Protocol => "protocol",
            Self::Role => "role",
            Self::Calls => "calls",
            Self::Unknown => "unknown",
        }
    }
}

/// Connections and calls that were refused. Cheap to clone; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<[Count; Refusal::ALL.len()]>);

#[derive(Debug, Default)]
struct Count {
    refused: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Refusals {
    /// How many there were for this reason.
    pub fn of(&self, refusal: Refusal) -> u64 {
        self.count(refusal).refused.load(Ordering::Relaxed)
    }

    /// All counts, by the names of their reasons; for metrics.
    pub fn all(&self) -> [(&'static str, u64); Refusal::ALL.len()] {
        Refusal::ALL.map(|refusal| (refusal.name(), self.of(refusal)))
    }

    /// Counts what was refused to `address`, and logs it with its `detail` if nothing was said of the like lately.
    pub(super) fn note(&self, refusal: Refusal, address: SocketAddr, detail: &dyn fmt::Display) {
        let count = self.count(refusal);
        let refused = count.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_to_be_told(Instant::now()) {
            let reason = refusal.name();
            tracing::warn!(network.peer.address = %address.ip(), reason, refused, %detail, "another node was refused");
        }
    }

    fn count(&self, refusal: Refusal) -> &Count {
        &self.0[refusal as usize]
    }
}

impl Count {
    fn is_to_be_told(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_silent = told.is_some_and(|told| now.duration_since(told) < TOLD_EVERY);
        if !is_silent {
            *told = Some(now);
        }
        !is_silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_by_itself_under_its_own_name() {
        let (refusals, address) = (Refusals::default(), SocketAddr::from(([127, 0, 0, 1], 1)));

        for (times, refusal) in Refusal::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| refusals.note(refusal, address, &"of the test"));
        }

        let told = ["full", "handshake", "protocol", "role", "calls", "unknown"];
        assert_eq!(refusals.all().map(|(name, _)| name), told);
        assert_eq!(refusals.all().map(|(_, count)| count), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_reason_is_told_at_once_and_then_now_and_then() {
        let (count, now) = (Count::default(), Instant::now());

        assert!(count.is_to_be_told(now));
        assert!(!count.is_to_be_told(now + TOLD_EVERY / 2));
        assert!(count.is_to_be_told(now + TOLD_EVERY));
        assert!(!count.is_to_be_told(now + TOLD_EVERY * 3 / 2));
    }
}
