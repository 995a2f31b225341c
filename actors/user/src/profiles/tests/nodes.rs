//! Two nodes that share what they read of one user, in every order that their waits allow.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all};
use proptest::prelude::*;

use super::{super::*, user};

const NODES: usize = 2;

/// The store, the server that they share, and what is on its way from there.
struct State {
    id: UserId,
    /// The version in the store.
    stored: i64,
    acknowledged: i64,
    kept: Option<Profile>,
    /// Which nodes are told of the next change.
    tracked: [bool; NODES],
    /// Changes that a node was told of and has not heard yet.
    told: [usize; NODES],
    /// What a node must know of: what it acknowledged itself, or had heard everything about.
    known: [i64; NODES],
    /// How long everybody waits, in turn.
    waits: Vec<u8>,
}

/// One node.
#[derive(Clone)]
struct Node {
    number: usize,
    profiles: Profiles,
    watch: ProfilesWatch,
    state: Arc<Mutex<State>>,
}

struct Server {
    node: usize,
    state: Arc<Mutex<State>>,
}

/// Nodes that know of nothing yet but that there is a user.
fn nodes(waits: Vec<u8>) -> (Arc<Mutex<State>>, [Node; NODES]) {
    let state = State {
        id: UserId::new(),
        stored: 1,
        acknowledged: 1,
        kept: None,
        tracked: [false; NODES],
        told: [0; NODES],
        known: [1; NODES],
        waits,
    };
    let state = Arc::new(Mutex::new(state));
    let nodes = std::array::from_fn(|number| Node::new(number, &state));
    (state, nodes)
}

/// Lets the others go on for a while.
async fn wait(state: &Mutex<State>) {
    let turns = state.lock().unwrap().waits.pop().unwrap_or_default();
    for _ in 0..turns {
        let mut is_over = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Server {
    /// As the script of the real one.
    fn keep(&self, profile: Profile) {
        let mut state = self.state.lock().unwrap();
        let gives_way = |known: &Profile| match known {
            Profile::Changed(..) => known.version() <= profile.version(),
            Profile::User(_) | Profile::Deleted(..) => known.version() < profile.version(),
        };
        if state.kept.as_ref().is_none_or(gives_way) {
            state.kept = Some(profile);
            for node in 0..NODES {
                state.told[node] += usize::from(std::mem::take(&mut state.tracked[node]));
            }
        }
    }
}

#[async_trait]
impl SharedProfiles for Server {
    async fn get(&self, _: UserId) -> Option<Profile> {
        wait(&self.state).await;
        let found = {
            let mut state = self.state.lock().unwrap();
            state.tracked[self.node] = true;
            state.kept.clone()
        };
        wait(&self.state).await;
        found
    }

    async fn fill(&self, user: &User) {
        wait(&self.state).await;
        self.keep(Profile::User(user.clone()));
        wait(&self.state).await;
    }

    async fn publish(&self, profile: Profile) {
        wait(&self.state).await;
        self.keep(profile);
        wait(&self.state).await;
    }
}

impl Node {
    fn new(number: usize, state: &Arc<Mutex<State>>) -> Self {
        let (profiles, watch) = Profiles::watched(10);
        let server = Server { node: number, state: Arc::clone(state) };
        Self { number, profiles: profiles.over(Arc::new(server)), watch, state: Arc::clone(state) }
    }

    /// What somebody is told, and what they should be told at the least.
    async fn read(&self) -> (i64, i64) {
        let (id, least) = {
            let state = self.state.lock().unwrap();
            (state.id, state.known[self.number])
        };
        if let Some(user) = self.profiles.get(id) {
            return (user.unwrap().version, least);
        }
        let reading = self.profiles.reading(id);
        if let Some(user) = self.profiles.find(id, reading).await {
            return (user.unwrap().version, least);
        }
        wait(&self.state).await;
        let found = user(id, self.state.lock().unwrap().stored);
        wait(&self.state).await;
        self.profiles.keep(&found, reading).await;
        (found.version, least)
    }

    /// Changes the user. One change is made after the other, as the store has it.
    async fn change(&self, is_answered: bool) {
        let changed = {
            let mut state = self.state.lock().unwrap();
            state.stored += 1;
            user(state.id, state.stored)
        };
        wait(&self.state).await;
        if is_answered {
            self.profiles.publish(&changed).await;
        } else {
            self.profiles.forget(changed.id, changed.version).await;
        }
        let mut state = self.state.lock().unwrap();
        state.acknowledged = state.acknowledged.max(changed.version);
        state.known[self.number] = state.known[self.number].max(changed.version);
    }

    /// Hears the next that it was told.
    fn hear(&self) {
        let (id, told) = {
            let mut state = self.state.lock().unwrap();
            let told = state.told[self.number] > 0;
            state.told[self.number] -= usize::from(told);
            (state.id, told)
        };
        if told {
            self.watch.changed(id);
        }
        let mut state = self.state.lock().unwrap();
        if state.told[self.number] == 0 {
            self.watch.complete(Instant::now());
            state.known[self.number] = state.acknowledged.max(state.known[self.number]);
        }
    }

    /// Loses the connection, and has another one at once.
    fn lose(&self) {
        {
            let mut state = self.state.lock().unwrap();
            state.tracked[self.number] = false;
            state.told[self.number] = 0;
        }
        self.watch.lost();
        let mut state = self.state.lock().unwrap();
        state.known[self.number] = state.acknowledged.max(state.known[self.number]);
    }
}

/// Readers, a writer on each node by turns, and whoever hears; answers what each reader was told.
async fn live(
    nodes: &[Node; NODES],
    state: &Arc<Mutex<State>>,
    changes: &[(usize, bool)],
    losses: usize,
) -> Vec<(i64, i64)> {
    let told = Mutex::new(Vec::new());
    let mut all: Vec<BoxFuture<'_, ()>> = Vec::new();
    for node in nodes.iter().flat_map(|node| [node; 2]) {
        all.push(Box::pin(async {
            for _ in 0..8 {
                let read = node.read().await;
                told.lock().unwrap().push(read);
                wait(state).await;
            }
        }));
    }
    for node in nodes {
        all.push(Box::pin(async move {
            for turn in 0..24 {
                wait(state).await;
                if losses > 0 && turn % 7 == losses { node.lose() } else { node.hear() }
            }
        }));
    }
    all.push(Box::pin(async {
        for (node, is_answered) in changes {
            wait(state).await;
            nodes[*node].change(*is_answered).await;
        }
    }));
    join_all(all).await;
    told.into_inner().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_node_serves_a_version_after_it_knew_of_a_newer_one(
        waits in prop::collection::vec(0..5_u8, 0..400),
        changes in prop::collection::vec((0..NODES, any::<bool>()), 1..5),
        losses in 0..4_usize,
    ) {
        let (state, nodes) = nodes(waits);

        let told = run(live(&nodes, &state, &changes, losses));

        for (version, least) in told {
            prop_assert!(version >= least, "{version} was told after {least}");
        }
    }
}

/// Whoever waits has woken itself.
fn run<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let Poll::Ready(answer) = work.as_mut().poll(&mut context) {
            return answer;
        }
    }
}

#[test]
fn what_was_found_on_the_server_is_served_without_it_until_that_is_told_to_have_changed() {
    let (state, [here, there]) = nodes(Vec::new());
    let id = state.lock().unwrap().id;
    here.hear();

    run(here.read()); // the store's, which goes to the server
    let from_the_store = here.profiles.get(id).is_some();
    run(here.read()); // the server's, which stays here
    let from_the_server = here.profiles.get(id).is_some();
    run(there.change(true));
    here.hear();

    assert!(!from_the_store && from_the_server);
    assert!(here.profiles.get(id).is_none());
    assert_eq!(run(here.read()).0, 2);
}
