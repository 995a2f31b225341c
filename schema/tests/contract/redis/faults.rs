//! What is left when the server is killed, stopped or away: a server of the test's own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portico_kernel::{StoreError, UserId};
use portico_schema::redis::{Ears, Sessions, Settings};
use portico_session::{Inserted, Store as _, TokenHash};
use portico_tests::{Servers, eventually};
use tokio::{task::JoinSet, time::timeout};

use super::{command, settings};
use crate::values::session;

/// Longer than anything may hang: two answers of the server, each to its bound, on a busy machine.
const NO_HANG: Duration = Duration::from_secs(15);

async fn opened(servers: &Servers) -> Arc<Sessions> {
    let settings = Settings { timeout: Duration::from_secs(1), ..settings(servers.redis_url()) };
    Arc::new(Sessions::connect(&settings, Ears::default()).await.unwrap())
}

async fn insert(store: &Sessions, user: UserId) -> Result<TokenHash, StoreError> {
    let (session, hash) = session(user, 1);
    let inserted = timeout(NO_HANG, store.insert(&session, hash, 1_000_000)).await.expect("no command hangs")?;
    assert_eq!(inserted, Inserted::Kept { ended: 0 });
    Ok(hash)
}

async fn find(store: &Sessions, hash: TokenHash) -> Result<bool, StoreError> {
    timeout(NO_HANG, store.find(hash)).await.expect("no reading hangs").map(|found| found.is_some())
}

/// What a crowd of clients was told, until it is stopped.
struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
    kept: Arc<Mutex<Vec<TokenHash>>>,
}

impl Load {
    fn start(store: &Arc<Sessions>) -> Self {
        let (stop, kept) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let mut clients = JoinSet::new();
        for _ in 0..4 {
            let (store, stop, kept) = (Arc::clone(store), Arc::clone(&stop), Arc::clone(&kept));
            clients.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match insert(&store, UserId::new()).await {
                        Ok(hash) => kept.lock().unwrap().push(hash),
                        Err(StoreError::Unavailable(_) | StoreError::Uncertain(_)) => tokio::task::yield_now().await,
                        Err(strange) => panic!("{strange:?}"),
                    }
                }
            });
        }
        Self { stop, clients, kept }
    }

    /// Waits until more was kept than until now.
    async fn goes_on(&self) {
        let kept = || self.kept.lock().unwrap().len();
        let before = kept();
        eventually("a session", || std::future::ready((kept() > before + 20).then_some(()))).await;
    }

    async fn stop(mut self) -> Vec<TokenHash> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.kept.lock().unwrap())
    }
}

#[tokio::test]
async fn a_server_that_is_killed_under_load_loses_nothing_acknowledged_and_heals() {
    let servers = Servers::own(&["redis"]);
    let store = opened(&servers).await;
    let load = Load::start(&store);
    load.goes_on().await;

    for _ in 0..3 {
        servers.kill("redis");
        servers.up("redis");
        load.goes_on().await;
    }

    let kept = load.stop().await;
    for hash in &kept {
        assert!(find(&store, *hash).await.unwrap(), "{hash:?} was acknowledged");
    }
}

#[tokio::test]
async fn an_end_that_was_acknowledged_outlives_a_kill() {
    let servers = Servers::own(&["redis"]);
    let (store, ann) = (opened(&servers).await, UserId::new());
    let (ended, raised, stays) = (
        insert(&store, ann).await.unwrap(),
        insert(&store, ann).await.unwrap(),
        insert(&store, UserId::new()).await.unwrap(),
    );
    let first = store.find(ended).await.unwrap().unwrap();

    assert!(store.delete(ann, first.id).await.unwrap());
    store.raise_epoch(ann, 2, None).await.unwrap();
    servers.kill("redis");
    servers.up("redis");
    eventually("the server", || async { store.check().await.ok() }).await;

    assert!(!find(&store, ended).await.unwrap() && !find(&store, raised).await.unwrap());
    assert!(find(&store, stays).await.unwrap());
    let (late, hash) = session(ann, 1);
    assert_eq!(store.insert(&late, hash, 10).await.unwrap(), Inserted::Stale);
}

#[tokio::test]
async fn a_server_that_is_stopped_hangs_nobody_and_goes_on_where_it_was() {
    let servers = Servers::own(&["redis"]);
    let store = opened(&servers).await;
    let hash = insert(&store, UserId::new()).await.unwrap();

    servers.pause("redis");
    let (written, read) = (insert(&store, UserId::new()).await, find(&store, hash).await);
    let refused = eventually("a refusal at once", || async {
        match store.find(hash).await {
            Err(StoreError::Unavailable(source)) => source.to_string().contains("no connection").then_some(()),
            other => panic!("{other:?}"),
        }
    });
    refused.await;
    servers.resume("redis");

    assert!(matches!(written, Err(StoreError::Unavailable(_) | StoreError::Uncertain(_))), "{written:?}");
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(eventually("an answer", || async { find(&store, hash).await.ok() }).await);
}

#[tokio::test]
async fn a_change_that_the_server_took_and_did_not_answer_may_have_been_made() {
    let servers = Servers::own(&["redis"]);
    let (store, ann) = (opened(&servers).await, UserId::new());
    let hash = insert(&store, ann).await.unwrap();

    servers.pause("redis");
    let raised = timeout(NO_HANG, store.raise_epoch(ann, 2, None)).await.expect("no command hangs");
    servers.resume("redis");

    assert!(matches!(raised, Err(StoreError::Uncertain(_))), "{raised:?}");
    // It lies in the server's buffer, and is found there.
    eventually("the end", || async { (!find(&store, hash).await.ok()?).then_some(()) }).await;
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let servers = Servers::own(&["redis"]);
    let store = opened(&servers).await;
    let hash = insert(&store, UserId::new()).await.unwrap();

    servers.kill("redis");
    eventually("the loss", || async { find(&store, hash).await.is_err().then_some(()) }).await;
    let answers = [
        insert(&store, UserId::new()).await.map(drop),
        store.find(hash).await.map(drop),
        store.raise_epoch(UserId::new(), 2, None).await.map(drop),
        store.check().await,
    ];

    for answer in answers {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_full_changes_nothing_and_says_so() {
    let servers = Servers::own(&["redis"]);
    let store = opened(&servers).await;
    let hash = insert(&store, UserId::new()).await.unwrap();

    assert_eq!(command(&servers, &["CONFIG", "SET", "maxmemory", "1"]), "OK");
    let written = insert(&store, UserId::new()).await;
    let kept = find(&store, hash).await;

    assert!(matches!(written, Err(StoreError::Full(_))), "{written:?}");
    assert!(kept.unwrap(), "it evicts nobody");
}
