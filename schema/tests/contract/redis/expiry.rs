//! What the server ends by itself, and what it leaves.

use portico_kernel::UserId;
use portico_session::{Inserted, Session, Store as _, TokenHash};
use portico_tests::eventually;
use time::{Duration, OffsetDateTime};

use super::{SHARED, command, opened};
use crate::values::{NOW, session};

fn ask(words: &[&str]) -> String {
    command(&SHARED, words)
}

/// The server's clock.
fn now() -> OffsetDateTime {
    let told = ask(&["TIME"]);
    OffsetDateTime::from_unix_timestamp(told.lines().next().unwrap().parse().unwrap()).unwrap()
}

/// A session that the server ends within a moment.
fn brief(user: UserId) -> (Session, TokenHash) {
    let (session, hash) = session(user, 1);
    (Session { expires_at: now() + Duration::seconds(3), ..session }, hash)
}

fn index_of(user: UserId) -> String {
    format!("portico:{{{user}}}:sessions")
}

fn token(hash: TokenHash) -> String {
    format!("portico:token:{}", hex::encode(hash.0))
}

#[tokio::test]
async fn a_session_whose_time_is_over_is_gone_with_all_that_led_to_it() {
    let (store, ann) = (opened().await.store, UserId::new());
    let (session, hash) = brief(ann);
    let keys = [format!("portico:{{{ann}}}:session:{}", session.id), token(hash), index_of(ann)];

    store.insert(&session, hash, 10).await.unwrap();

    for key in keys {
        eventually(&key, || std::future::ready((ask(&["EXISTS", &key]) == "0").then_some(()))).await;
    }
    assert_eq!(store.find(hash).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_whose_time_is_over_takes_nobodys_place() {
    let (store, ann) = (opened().await.store, UserId::new());
    let ((staying, its_hash), (latest, last_hash)) = (session(ann, 1), session(ann, 1));
    let (over, hash) = brief(ann);
    store.insert(&over, hash, 2).await.unwrap();
    store.insert(&staying, its_hash, 2).await.unwrap();
    eventually("the end", || async { store.find(hash).await.unwrap().is_none().then_some(()) }).await;

    let inserted = store.insert(&latest, last_hash, 2).await.unwrap();

    assert_eq!(inserted, Inserted::Kept { ended: 0 });
    assert_eq!(ask(&["ZCARD", &index_of(ann)]), "2", "its place in the index is free");
}

#[tokio::test]
async fn a_use_that_has_a_session_end_later_is_heeded_by_the_server() {
    let (store, ann) = (opened().await.store, UserId::new());
    let ((session, hash), (other, other_hash)) = (brief(ann), brief(ann));
    store.insert(&session, hash, 10).await.unwrap();
    store.insert(&other, other_hash, 10).await.unwrap();

    let used = Session { expires_at: NOW, ..session };
    store.touch(&used).await.unwrap();

    eventually("the end of the other", || async { store.find(other_hash).await.unwrap().is_none().then_some(()) })
        .await;
    assert_eq!(store.find(hash).await.unwrap(), Some(used.clone()));
    assert_eq!(store.list(ann, now(), 10).await.unwrap(), [used]);
}

#[tokio::test]
async fn a_raised_epoch_leaves_itself_and_nothing_that_led_to_a_session() {
    let (store, ann) = (opened().await.store, UserId::new());
    let (first, hash) = session(ann, 1);
    store.insert(&first, hash, 10).await.unwrap();

    store.raise_epoch(ann, 2, None).await.unwrap();

    assert_eq!(ask(&["PTTL", &format!("portico:{{{ann}}}:least")]), "-1", "it has no end");
    assert_eq!(ask(&["EXISTS", &index_of(ann), &token(hash)]), "0");
}
