//! What the session actor promises, through its messages and its view.

mod support;

use portico_kernel::{Event, UserId};
use portico_session::*;
use serde_json::json;
use support::{ABSOLUTE, IDLE, world};
use time::{Duration, OffsetDateTime};

#[actix::test]
async fn a_session_in_use_is_validated_without_the_store() {
    let world = world();
    let opened = world.open(UserId::new(), 1).await;

    for _ in 0..10 {
        assert!(world.is_live(&opened).await);
    }

    assert_eq!((world.store.finds(), world.store.touches()), (0, 0));
}

#[actix::test]
async fn a_token_that_was_never_given_out_is_dead() {
    let world = world();

    let error = world.validate.ask(Validate { token: Token::generate() }).await.unwrap_err();

    assert!(matches!(error, Error::Dead));
}

#[actix::test]
async fn use_is_written_down_once_a_minute_and_keeps_the_session_alive() {
    let world = world();
    let opened = world.open(UserId::new(), 1).await;

    for _ in 0..3 {
        world.clock.advance(Duration::seconds(61));
        for _ in 0..5 {
            assert!(world.is_live(&opened).await);
        }
        world.store.touched.notified().await;
    }

    assert_eq!(world.store.touches(), 3);
    world.clock.advance(IDLE - Duration::SECOND);
    assert!(world.is_live(&opened).await, "idle time counts from the last use");
}

#[actix::test]
async fn parallel_uses_of_a_session_write_one_down() {
    let world = world();
    let opened = world.open(UserId::new(), 1).await;
    world.clock.advance(Duration::HOUR);

    let uses = futures_util::future::join_all((0..50).map(|_| world.is_live(&opened))).await;

    assert!(uses.into_iter().all(|live| live));
    assert_eq!(world.store.touches(), 1);
}

#[actix::test]
async fn a_session_that_is_not_used_ends() {
    let world = world();
    let opened = world.open(UserId::new(), 1).await;

    world.clock.advance(IDLE);

    assert!(!world.is_live(&opened).await);
}

#[actix::test]
async fn a_session_ends_after_its_absolute_lifetime_however_often_it_is_used() {
    let world = world();
    let opened = world.open(UserId::new(), 1).await;

    for _ in 0..59 {
        world.clock.advance(ABSOLUTE / 60);
        assert!(world.is_live(&opened).await);
        world.store.touched.notified().await;
    }
    world.clock.advance(ABSOLUTE / 60);

    assert!(!world.is_live(&opened).await);
}

#[actix::test]
async fn a_use_that_cannot_be_written_down_is_still_answered() {
    let world = world();
    let opened = world.open(UserId::new(), 1).await;
    world.store.fail_writes();

    world.clock.advance(Duration::HOUR);

    assert!(world.is_live(&opened).await);
    world.store.touched.notified().await;
}

#[actix::test]
async fn a_deleted_session_is_dead_when_the_deletion_answers() {
    let world = world();
    let user = UserId::new();
    let (gone, other) = (world.open(user, 1).await, world.open(user, 1).await);

    world.ask(Delete { user, session: gone.session.id }).await.unwrap();

    assert!(!world.is_live(&gone).await);
    assert!(world.is_live(&other).await);
}

#[actix::test]
async fn another_users_session_is_unknown_and_stays() {
    let world = world();
    let (opened, stranger) = (world.open(UserId::new(), 1).await, UserId::new());

    let error = world.ask(Delete { user: stranger, session: opened.session.id }).await.unwrap_err();

    assert!(matches!(error, Error::Unknown));
    assert!(world.is_live(&opened).await);
}

#[actix::test]
async fn ending_the_others_keeps_the_current_session_alone() {
    let world = world();
    let user = UserId::new();
    let (current, other, stranger) =
        (world.open(user, 1).await, world.open(user, 1).await, world.open(UserId::new(), 1).await);

    world.ask(DeleteOthers { user, keep: current.session.id }).await.unwrap();

    assert!(world.is_live(&current).await);
    assert!(!world.is_live(&other).await);
    assert!(world.is_live(&stranger).await);
    assert_eq!(world.ask(List { user }).await.unwrap(), [current.session]);
}

#[actix::test]
async fn rotating_ends_every_older_session_and_opens_one() {
    let world = world();
    let user = UserId::new();
    let older = [world.open(user, 1).await, world.open(user, 1).await];

    let rotated = world.ask(Rotate { user, epoch: 2, client: ClientInfo::default() }).await.unwrap();

    assert!(world.is_live(&rotated).await);
    for opened in &older {
        assert!(!world.is_live(opened).await);
    }
}

#[actix::test]
async fn a_sign_in_that_verified_older_credentials_opens_nothing() {
    let world = world();
    let user = UserId::new();
    world.ask(RaiseEpoch { user, epoch: 3 }).await.unwrap();

    let late = world.ask(Create { user, epoch: 2, client: ClientInfo::default() }).await.unwrap_err();
    let late_rotation = world.ask(Rotate { user, epoch: 2, client: ClientInfo::default() }).await.unwrap_err();

    assert!(matches!((late, late_rotation), (Error::Stale, Error::Stale)));
    assert_eq!(world.store.count(), 0);
}

#[actix::test]
async fn a_deleted_user_never_has_a_session_again() {
    let world = world();
    let user = UserId::new();
    let opened = world.open(user, 1).await;

    world.ask(RaiseEpoch { user, epoch: LAST_EPOCH }).await.unwrap();

    assert!(!world.is_live(&opened).await);
    let error = world.ask(Create { user, epoch: 1, client: ClientInfo::default() }).await.unwrap_err();
    assert!(matches!(error, Error::Stale));
}

#[actix::test]
async fn a_reading_that_a_revocation_overtakes_does_not_bring_the_session_back() {
    let world = world();
    let user = UserId::new();
    let opened = world.open(user, 1).await;
    world.clock.advance(Duration::HOUR);
    let held = world.store.hold_next_find();
    let validate = world.validate.clone();
    let token = opened.token.clone();
    let reading = actix::spawn(async move { validate.ask(Validate { token }).await });
    held.has_read.await.unwrap();

    world.ask(RaiseEpoch { user, epoch: 2 }).await.unwrap();
    held.release.send(()).unwrap();
    reading.await.unwrap().expect("it was asked before the revocation");

    assert!(!world.is_live(&opened).await);
}

#[actix::test]
async fn a_revocation_whose_outcome_is_unknown_is_not_served_from_the_view() {
    let world = world();
    let user = UserId::new();
    let opened = world.open(user, 1).await;
    world.store.fail_writes();

    world.ask(RaiseEpoch { user, epoch: 2 }).await.unwrap_err();

    assert!(!world.is_live(&opened).await);
}

#[actix::test]
async fn user_events_end_sessions_in_whatever_order_and_however_often_they_come() {
    let world = world();
    let user = UserId::new();
    let (first, second) = (world.open(user, 1).await, world.open(user, 3).await);

    for epoch in [3, 2, 3] {
        world
            .ask(ApplyUserEvent(event("user.updated", json!({ "user_id": user, "version": 9, "epoch": epoch }))))
            .await
            .unwrap();
    }
    world
        .ask(ApplyUserEvent(event("user.registered", json!({ "user_id": user, "version": 1, "epoch": 1 }))))
        .await
        .unwrap();

    assert!(!world.is_live(&first).await);
    assert!(world.is_live(&second).await);
    world
        .ask(ApplyUserEvent(event("user.deleted", json!({ "user_id": user, "version": 9, "epoch": LAST_EPOCH }))))
        .await
        .unwrap();
    assert!(!world.is_live(&second).await);
}

#[actix::test]
async fn an_event_that_cannot_be_understood_is_poison() {
    let world = world();

    let error = world.ask(ApplyUserEvent(event("user.updated", json!({ "epoch": "three" })))).await.unwrap_err();

    assert!(matches!(error, Error::BadEvent(_)));
}

#[actix::test]
async fn expired_sessions_are_purged_in_batches() {
    let world = world();
    for _ in 0..=PURGE_BATCH {
        world.open(UserId::new(), 1).await;
    }
    world.clock.advance(IDLE);
    let live = world.open(UserId::new(), 1).await;

    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    world.store.purged.notified().await;

    assert!(begun.elapsed() < PURGE_INTERVAL * 3 / 2, "one purge takes as many batches as there are");
    assert_eq!(world.store.count(), 1);
    assert!(world.is_live(&live).await);
}

fn event(kind: &str, data: serde_json::Value) -> Event {
    Event::new("/portico/user", kind, "subject", OffsetDateTime::UNIX_EPOCH, data)
}
