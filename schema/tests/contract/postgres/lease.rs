//! Which of several nodes carries the events of one database.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portico_kernel::{Event, Outbox as _, StoreError};
use portico_photo::Store as _;
use portico_schema::{
    photo::Photos,
    user::{Leased, Users},
};
use portico_tests::eventually;
use portico_user::{Store as _, registered};
use tokio::time::timeout;
use uuid::Uuid;

use super::support::{Database, execute};
use crate::values::{NOW, account};

/// A node with a connection pool of its own.
async fn node(database: &Database, number: u8) -> Leased {
    Leased::new(users(database).await, [number; 32])
}

async fn users(database: &Database) -> Arc<Users> {
    let users = Users::connect(&database.settings()).await.unwrap();
    users.migrate().await.unwrap();
    Arc::new(users)
}

async fn register(database: &Database, count: usize) -> Vec<Uuid> {
    let users = users(database).await;
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        let account = account(&format!("{number}.{}@example.com", Uuid::now_v7().simple()));
        let event = registered(&account, NOW);
        users.insert(&account, &event, None).await.unwrap();
        ids.push(event.id);
    }
    ids
}

async fn waiting(node: &Leased) -> Vec<Event> {
    node.oldest(100).await.unwrap()
}

/// Waits until a node that is not the holder becomes it.
async fn takes_over(node: &Leased) -> Vec<Event> {
    eventually("the other node takes over", || async { Some(waiting(node).await).filter(|events| !events.is_empty()) })
        .await
}

#[tokio::test]
async fn events_are_given_to_one_node_and_fenced_off_from_the_one_that_lost_them() {
    let database = Database::new();
    let (here, there) = (node(&database, 1).await, node(&database, 2).await);
    let ids = register(&database, 3).await;

    let (first, second) = (waiting(&here).await, waiting(&there).await);
    assert_eq!((first.len(), second.len()), (3, 0));
    here.forget(&ids[..1]).await.unwrap();
    execute(&mut database.connection().await, "UPDATE leases SET expires_at = clock_timestamp()").await;
    let taken_over = takes_over(&there).await;

    assert_eq!(taken_over.len(), 2);
    for refused in [here.forget(&ids[1..]).await, here.set_aside(ids[1], "late").await] {
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(there.depth().await.unwrap(), 2, "nothing of it was done");
    there.forget(&ids[1..]).await.unwrap();
    assert_eq!(there.depth().await.unwrap(), 0);
}

#[tokio::test]
async fn a_node_that_starts_again_does_not_wait_for_its_former_process() {
    let database = Database::new();
    let before = node(&database, 1).await;
    let ids = register(&database, 1).await;
    assert_eq!(waiting(&before).await.len(), 1);

    let after = node(&database, 1).await;

    assert_eq!(waiting(&after).await.len(), 1);
    before.forget(&ids).await.unwrap_err();
    after.forget(&ids).await.unwrap();
}

#[tokio::test]
async fn a_node_that_stops_in_order_leaves_the_events_to_another_at_once() {
    let database = Database::new();
    let (here, there) = (node(&database, 1).await, node(&database, 2).await);
    register(&database, 1).await;
    assert_eq!(waiting(&here).await.len(), 1);
    assert!(waiting(&there).await.is_empty());

    here.release().await.unwrap();
    let begun = std::time::Instant::now();
    takes_over(&there).await;

    assert!(begun.elapsed() < Duration::from_secs(15), "it did not wait for the term to end: {:?}", begun.elapsed());
}

/// What two nodes carried between them.
#[derive(Default)]
struct Carried {
    busy: AtomicBool,
    events: Mutex<Vec<(u8, Uuid)>>,
}

/// Carries batches as a courier does, until told to stop, and sees to it that nobody else does at the same time.
async fn carry(node: Leased, number: u8, carried: Arc<Carried>, dies: Arc<AtomicBool>) {
    while !dies.load(Ordering::Relaxed) {
        let batch = node.oldest(5).await.unwrap();
        if batch.is_empty() {
            node.committed().await;
            continue;
        }
        assert!(!carried.busy.swap(true, Ordering::SeqCst), "another node carries at the same time");
        tokio::task::yield_now().await; // it is published
        let ids: Vec<_> = batch.iter().map(|event| event.id).collect();
        carried.events.lock().unwrap().extend(ids.iter().map(|id| (number, *id)));
        carried.busy.store(false, Ordering::SeqCst);
        node.forget(&ids).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_carries_each_event_once_and_the_other_goes_on_when_it_has_died() {
    let database = Database::new();
    let (carried, never) = (Arc::new(Carried::default()), Arc::new(AtomicBool::new(false)));
    let dies = [Arc::new(AtomicBool::new(false)), Arc::clone(&never)];
    let mut expected = register(&database, 50).await;
    let mut nodes = Vec::new();
    for (number, dies) in (0..).zip(&dies) {
        let node = node(&database, number + 1).await;
        if number == 0 {
            waiting(&node).await; // it is the first
        }
        nodes.push(tokio::spawn(carry(node, number, Arc::clone(&carried), Arc::clone(dies))));
    }

    let all_of = |count| {
        let carried = Arc::clone(&carried);
        let all = move || std::future::ready((carried.events.lock().unwrap().len() >= count).then_some(()));
        eventually("all are carried", all)
    };
    timeout(Duration::from_mins(1), all_of(50)).await.unwrap();
    dies[0].store(true, Ordering::Relaxed);
    nodes.remove(0).await.unwrap();
    expected.extend(register(&database, 50).await);
    timeout(Duration::from_mins(2), all_of(100)).await.unwrap();
    never.store(true, Ordering::Relaxed);
    nodes.remove(0).await.unwrap();

    let events = carried.events.lock().unwrap().clone();
    assert_eq!(events.iter().map(|(_, id)| *id).collect::<Vec<_>>(), expected, "each once, in order");
    assert!(events[..50].iter().all(|(node, _)| *node == 0) && events[50..].iter().all(|(node, _)| *node == 1));
}

/// A node's work list of contents to delete.
async fn photos(database: &Database, number: u8) -> Photos {
    let photos = Photos::connect(&database.settings()).await.unwrap().shared_by([number; 32]);
    photos.migrate().await.unwrap();
    photos
}

#[tokio::test]
async fn of_two_nodes_one_at_a_time_has_its_turn_at_the_work_list() {
    let database = Database::new();
    let (here, there) = (photos(&database, 1).await, photos(&database, 2).await);

    let (mine, theirs, still_mine) =
        (here.take_turn().await.unwrap(), there.take_turn().await.unwrap(), here.take_turn().await.unwrap());
    here.end_turn().await.unwrap();
    let after = eventually("the turn", || async { there.take_turn().await.unwrap().then_some(()) });

    assert_eq!((mine, theirs, still_mine), (true, false, true));
    timeout(Duration::from_secs(10), after).await.expect("it did not wait for the term to end");
    assert!(!here.take_turn().await.unwrap());
}
