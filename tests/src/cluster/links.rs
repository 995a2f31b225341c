//! The ways by which nodes ask each other: direct ones, or one proxy for each that asks and each that is asked.

use std::collections::BTreeMap;

use crate::{Pace, Proxy};

/// How nodes reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// As they do where they run for their users.
    Direct,
    /// By ways that can be slowed down, blocked and cut ([`Cluster::link`](super::Cluster::link)).
    Proxied,
}

/// Who asks, and who is asked.
type Pair = (String, String);

/// The proxies; none where nodes reach each other directly.
#[derive(Default)]
pub(super) struct Ways(BTreeMap<Pair, Proxy>);

impl Ways {
    /// Makes a way from one node to another, which listens at `address`.
    pub(super) async fn lay(&mut self, from: &str, to: &str, address: &str) {
        let proxy = Proxy::to(address.parse().expect("nodes listen at addresses")).await;
        self.0.insert((from.to_owned(), to.to_owned()), proxy);
    }

    pub(super) fn between(&self, from: &str, to: &str) -> Option<&Proxy> {
        self.0.get(&(from.to_owned(), to.to_owned()))
    }

    /// Who asks whom.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        self.0.keys().cloned().collect()
    }

    /// All as they were at first.
    pub(super) fn mend(&self) {
        for way in self.0.values() {
            way.pace(Pace::default());
            way.unblock();
        }
    }
}
