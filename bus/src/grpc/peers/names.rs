//! Where the nodes are: looked up again and again, since they come and go.
//!
//! Invariant: a node that is still there keeps its connection and its standing. Where a lookup fails, what was known stays.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    error::Error,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::watch,
    time::{sleep, timeout},
};

use super::{Settings, peer::Peer};

/// The most nodes of one domain; further ones are not asked.
const PEERS_MAX: usize = 256;
/// How long a lookup may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// The nodes, once it is known where they are.
pub(super) type Known = Option<Arc<[Arc<Peer>]>>;

/// Looks up where the nodes are for as long as somebody asks.
pub(super) fn watch(settings: Settings) -> watch::Receiver<Known> {
    let (told, known) = watch::channel(None);
    let names = Names { settings: Arc::new(settings), found: BTreeMap::new() };
    tokio::spawn(names.look(told));
    known
}

struct Names {
    settings: Arc<Settings>,
    /// The nodes behind each name, by its place in the list.
    found: BTreeMap<usize, BTreeMap<SocketAddr, Arc<Peer>>>,
}

impl Names {
    async fn look(mut self, told: watch::Sender<Known>) {
        loop {
            for (place, name) in self.settings.addresses.clone().into_iter().enumerate() {
                self.look_up(place, &name).await;
                self.tell(&told);
            }
            tokio::select! {
                () = sleep(self.settings.refresh_every) => {},
                () = told.closed() => return,
            }
        }
    }

    /// Before any was found, whoever asks waits; by its deadline it is told that there is none.
    fn tell(&self, told: &watch::Sender<Known>) {
        let found = self.found.values().flat_map(|found| found.values());
        // One that two names lead to is one.
        let peers: BTreeMap<_, _> = found.map(|peer| (peer.address(), Arc::clone(peer))).collect();
        if !peers.is_empty() {
            told.send_replace(Some(peers.into_values().collect()));
        }
    }

    async fn look_up(&mut self, place: usize, name: &str) {
        let looked_up = timeout(LOOKUP_TIMEOUT, (self.settings.resolve)(name.to_owned())).await;
        match looked_up {
            Ok(Ok(addresses)) if !addresses.is_empty() => self.found_at(place, name, &addresses),
            Ok(Ok(_)) => tracing::warn!(name, "no address of other nodes found"),
            Ok(Err(error)) => tracing::warn!(name, error = &error as &dyn Error, "other nodes not found"),
            Err(_) => tracing::warn!(name, "nobody says where other nodes are"),
        }
    }

    /// Those at `addresses` stay or are new, and others are gone.
    fn found_at(&mut self, place: usize, name: &str, addresses: &[SocketAddr]) {
        let mut before = self.found.remove(&place).unwrap_or_default();
        let elsewhere: usize = self.found.values().map(BTreeMap::len).sum();
        let mut found = BTreeMap::new();
        for address in addresses.iter().take(PEERS_MAX.saturating_sub(elsewhere)) {
            if let Entry::Vacant(vacant) = found.entry(*address) {
                let new = || Arc::new(Peer::new(*address, name, Arc::clone(&self.settings), Handle::current()));
                vacant.insert(before.remove(address).unwrap_or_else(new));
            }
        }
        self.found.insert(place, found);
    }
}
