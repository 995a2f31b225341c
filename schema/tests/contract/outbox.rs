//! What every outbox promises, beside the store whose changes it tells of.

use std::time::Duration;

use futures_util::FutureExt as _;
use portico_kernel::{Event, Outbox};
use portico_user::{Account, PasswordHash, Store, deleted, registered, updated};
use time::OffsetDateTime;
use tokio::time::timeout;
use uuid::Uuid;

use crate::values::{NOW, account, idempotency, next};

/// Has the contract tested over the store that `open` opens.
macro_rules! outbox_contract {
    ($open:path) => {
        sentences! { outbox over $open:
            every_change_leaves_its_event_in_the_order_of_commits
            what_changes_nothing_leaves_no_event
            no_more_events_come_than_were_asked_for
            events_after_a_position_are_those_that_were_committed_later
            it_tells_since_when_the_oldest_event_waits
            only_what_is_forgotten_leaves
            forgetting_may_be_repeated
            an_event_that_is_set_aside_holds_up_nobody
            a_commit_wakes_whoever_waits_for_one
            a_commit_that_nobody_waited_for_is_not_missed
        }
    };
}

async fn register(users: &(impl Store + Outbox), email: &str) -> (Account, Event) {
    let account = account(email);
    let event = registered(&account, NOW);
    users.insert(&account, &event, None).await.unwrap();
    (account, event)
}

async fn waiting(users: &impl Outbox) -> Vec<Event> {
    users.oldest(100).await.unwrap()
}

pub(crate) async fn every_change_leaves_its_event_in_the_order_of_commits(users: &(impl Store + Outbox)) {
    let (ann, first) = register(users, "ann@example.com").await;
    let changed = next(&ann);
    let second = updated(&changed, NOW);
    users.update(&changed, &second).await.unwrap();
    let gone = next(&changed);
    let third = deleted(&gone, NOW);
    users.delete(&gone, &third).await.unwrap();
    let (bob, eve) = (account("bob@example.com"), account("eve@example.com"));
    let imported = [bob, eve].map(|account| (account.clone(), registered(&account, NOW)));
    users.import(&imported).await.unwrap();

    let events = waiting(users).await;

    let [(_, fourth), (_, fifth)] = imported;
    assert_eq!(events, [first, second, third, fourth, fifth]);
}

pub(crate) async fn what_changes_nothing_leaves_no_event(users: &(impl Store + Outbox)) {
    let ann = account("ann@example.com");
    users.insert(&ann, &registered(&ann, NOW), Some(&idempotency("k"))).await.unwrap();
    let before = waiting(users).await;

    let (taken, known) = (account("ann@example.com"), account("new@example.com"));
    users.insert(&taken, &registered(&taken, NOW), None).await.unwrap();
    users.insert(&known, &registered(&known, NOW), Some(&idempotency("k"))).await.unwrap();
    users.update(&ann, &updated(&ann, NOW)).await.unwrap();
    users.delete(&ann, &deleted(&ann, NOW)).await.unwrap();
    users.import(&[(taken.clone(), registered(&taken, NOW))]).await.unwrap();
    users.rehash(ann.user.id, &ann.password, &PasswordHash::new("$argon2id$better")).await.unwrap();

    assert_eq!(waiting(users).await, before);
}

pub(crate) async fn no_more_events_come_than_were_asked_for(users: &(impl Store + Outbox)) {
    let (_, first) = register(users, "ann@example.com").await;
    let (_, second) = register(users, "bob@example.com").await;
    register(users, "eve@example.com").await;

    let oldest = users.oldest(2).await.unwrap();

    assert_eq!(oldest, [first, second]);
    assert_eq!(users.depth().await.unwrap(), 3);
}

pub(crate) async fn events_after_a_position_are_those_that_were_committed_later(users: &(impl Store + Outbox)) {
    let (_, first) = register(users, "ann@example.com").await;
    let (_, second) = register(users, "bob@example.com").await;
    let (_, third) = register(users, "eve@example.com").await;

    let all = users.after(0, 100).await.unwrap();
    let (begin, end) = (all[0].0, all[2].0);
    let later = users.after(begin, 1).await.unwrap();
    users.forget(&[first.id, second.id, third.id]).await.unwrap();
    let (_, fourth) = register(users, "zoe@example.com").await;

    assert!(begin > 0 && all.is_sorted_by(|(left, _), (right, _)| left < right));
    assert_eq!(later.iter().map(|(_, event)| event).collect::<Vec<_>>(), [&second]);
    let latest = users.after(end, 100).await.unwrap();
    assert_eq!(latest.iter().map(|(_, event)| event).collect::<Vec<_>>(), [&fourth], "no position is given twice");
}

pub(crate) async fn it_tells_since_when_the_oldest_event_waits(users: &(impl Store + Outbox)) {
    let before = users.oldest_at().await.unwrap();
    let (_, first) = register(users, "ann@example.com").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await; // it tells seconds, by the ids of events
    let (_, second) = register(users, "bob@example.com").await;
    let [first_at, second_at] = [first.id, second.id].map(second_of);

    let with_both = users.oldest_at().await.unwrap();
    users.forget(&[first.id]).await.unwrap();
    let with_one = users.oldest_at().await.unwrap();

    assert_eq!((before, with_both, with_one), (None, Some(first_at), Some(second_at)));
    assert!(first_at < second_at);
}

fn second_of(id: Uuid) -> OffsetDateTime {
    let (seconds, _) = id.get_timestamp().unwrap().to_unix();
    OffsetDateTime::from_unix_timestamp(seconds.try_into().unwrap()).unwrap()
}

pub(crate) async fn only_what_is_forgotten_leaves(users: &(impl Store + Outbox)) {
    let (_, first) = register(users, "ann@example.com").await;
    let (_, second) = register(users, "bob@example.com").await;
    let (_, third) = register(users, "eve@example.com").await;
    assert_eq!(waiting(users).await.len(), 3); // reading takes nothing away

    users.forget(&[first.id, third.id]).await.unwrap();

    assert_eq!(waiting(users).await, [second]);
    assert_eq!(users.depth().await.unwrap(), 1);
}

pub(crate) async fn forgetting_may_be_repeated(users: &(impl Store + Outbox)) {
    let (_, first) = register(users, "ann@example.com").await;
    let (_, second) = register(users, "bob@example.com").await;
    users.forget(&[first.id]).await.unwrap();

    users.forget(&[first.id]).await.unwrap();
    users.forget(&[]).await.unwrap();

    assert_eq!(waiting(users).await, [second]);
}

pub(crate) async fn an_event_that_is_set_aside_holds_up_nobody(users: &(impl Store + Outbox)) {
    let (_, poison) = register(users, "ann@example.com").await;
    let (_, sound) = register(users, "bob@example.com").await;

    users.set_aside(poison.id, "no consumer knows it").await.unwrap();
    users.set_aside(poison.id, "repeated after a crash").await.unwrap();

    assert_eq!(waiting(users).await, [sound]);
    assert_eq!(users.depth().await.unwrap(), 1);
}

pub(crate) async fn a_commit_wakes_whoever_waits_for_one(users: &(impl Store + Outbox)) {
    while users.committed().now_or_never().is_some() {} // what was committed before
    let (woken, _) =
        tokio::join!(timeout(Duration::from_secs(10), users.committed()), register(users, "ann@example.com"));

    assert!(woken.is_ok());
}

pub(crate) async fn a_commit_that_nobody_waited_for_is_not_missed(users: &(impl Store + Outbox)) {
    while users.committed().now_or_never().is_some() {} // what was committed before
    register(users, "ann@example.com").await;

    let woken = timeout(Duration::from_secs(10), users.committed()).await;

    assert!(woken.is_ok());
}
