//! What a node says of its dependencies, again and again.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};

use super::fault::Server;
use crate::{Client, Node};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks at a node's readiness until it is dropped.
pub(super) struct Readiness {
    looks: Arc<Mutex<Vec<Look>>>,
    looking: JoinHandle<()>,
}

/// The dependencies that failed at a moment; none when the listener did not answer.
type Look = (Instant, Option<BTreeSet<String>>);

impl Readiness {
    pub(super) fn watch(node: &Node) -> Self {
        let looks = Arc::<Mutex<Vec<Look>>>::default();
        let looking = tokio::spawn(look(node.operator_client(), Arc::clone(&looks)));
        Self { looks, looking }
    }

    /// How long after `moment` a check of `server` failed.
    pub(super) fn named(&self, server: Server, moment: Instant) -> Option<Duration> {
        let names = |failing: &BTreeSet<String>| server.checks().iter().any(|check| failing.contains(*check));
        let looks = self.lock();
        let found = looks.iter().find(|(at, failing)| *at >= moment && failing.as_ref().is_some_and(names));
        found.map(|(at, _)| *at - moment)
    }

    /// How long after `moment` nothing failed.
    pub(super) fn well(&self, moment: Instant) -> Option<Duration> {
        let looks = self.lock();
        let found =
            looks.iter().find(|(at, failing)| *at >= moment && failing.as_ref().is_some_and(BTreeSet::is_empty));
        found.map(|(at, _)| *at - moment)
    }

    /// What failed that is none of `server`'s, and how often there was no answer.
    pub(super) fn wrong(&self, server: Server) -> (BTreeSet<String>, usize) {
        let looks = self.lock();
        let named = looks.iter().filter_map(|(_, failing)| failing.as_ref()).flatten();
        let others = named.filter(|name| !server.checks().contains(&name.as_str())).cloned().collect();
        (others, looks.iter().filter(|(_, failing)| failing.is_none()).count())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(operator: Client, looks: Arc<Mutex<Vec<Look>>>) {
    loop {
        let answer = operator.get("/readyz").attempt().await;
        let failing = answer.map(|answer| {
            let report = answer.json();
            let checks = report["checks"].as_array().into_iter().flatten();
            checks
                .filter(|check| check["ok"] == false)
                .map(|check| check["name"].as_str().unwrap_or_default().to_owned())
                .collect()
        });
        looks.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), failing));
        tokio::time::sleep(PAUSE).await;
    }
}
