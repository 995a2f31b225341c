//! What the session actor promises, through its messages and its view.

mod races;
mod support;

use portico_kernel::{Blame as _, CacheLoad, Event, Fault, Server, UserId};
use portico_session::*;
use serde_json::json;
use support::{ABSOLUTE, IDLE, PER_USER_MAX, world};
use time::{Duration, OffsetDateTime};

#[actix::test]
async fn a_check_that_memory_answers_is_a_hit_and_any_other_one_miss() {
    let world = world();
    let opened = world.open(UserId::new(), 1).await;

    assert!(world.is_live(&opened).await);
    let unknown = world.validate.ask(Validate { token: Token::generate() }).await;

    assert!(matches!(unknown, Err(Error::Dead)), "{unknown:?}");
    assert_eq!(world.view.load(), CacheLoad { entries: 1, hits: 1, misses: 1 });
}

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
    world.store.touched.notified().await; // it is written down beside the answers

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
async fn a_revocation_whose_outcome_is_unknown_is_not_served_from_the_view() {
    let world = world();
    let user = UserId::new();
    let opened = world.open(user, 1).await;
    world.store.fail_writes();

    world.ask(RaiseEpoch { user, epoch: 2 }).await.unwrap_err();

    assert!(!world.is_live(&opened).await);
}

#[actix::test]
async fn a_raised_epoch_counts_at_once_even_when_the_store_cannot_be_told() {
    for rotates in [true, false] {
        let world = world();
        let user = UserId::new();
        let (in_use, idle, strangers) =
            (world.open(user, 1).await, world.open(user, 1).await, world.open(UserId::new(), 1).await);
        world.clock.advance(Duration::HOUR); // so that the store is asked
        world.store.refuse_writes(true);

        let refused = if rotates {
            world.ask(Rotate { user, epoch: 2, client: ClientInfo::default() }).await.map(drop)
        } else {
            world.ask(RaiseEpoch { user, epoch: 2 }).await
        };

        assert!(matches!(refused, Err(Error::Store(_))));
        assert!(!world.is_live(&in_use).await && !world.is_live(&idle).await);
        assert_eq!(world.ask(List { user }).await.unwrap(), []);
        assert!(world.is_live(&strangers).await);
        assert_eq!(world.store.count(), 3, "the store still has all of them");
    }
}

#[actix::test]
async fn a_sign_in_under_an_epoch_that_the_store_could_not_be_told_of_opens_nothing() {
    let world = world();
    let user = UserId::new();
    world.store.refuse_writes(true);
    world.ask(RaiseEpoch { user, epoch: 2 }).await.unwrap_err();
    world.store.refuse_writes(false);

    let late = world.ask(Create { user, epoch: 1, client: ClientInfo::default() }).await.unwrap_err();
    let fresh = world.open(user, 2).await;

    assert!(matches!(late, Error::Stale));
    assert!(world.is_live(&fresh).await);
    assert_eq!(world.ask(List { user }).await.unwrap(), [fresh.session]);
}

#[actix::test]
async fn a_user_with_too_many_sessions_loses_the_one_that_was_opened_first_at_once() {
    let world = world();
    let user = UserId::new();
    let mut opened = Vec::new();
    for _ in 0..PER_USER_MAX {
        world.clock.advance(Duration::SECOND);
        opened.push(world.open(user, 1).await);
    }
    for session in &opened {
        assert!(world.is_live(session).await); // it is in the view
    }

    world.clock.advance(Duration::SECOND);
    opened.push(world.open(user, 1).await);

    let mut live = Vec::new();
    for session in &opened {
        live.push(world.is_live(session).await);
    }
    assert_eq!(live, [false, true, true, true, true, true]);
}

#[actix::test]
async fn a_session_that_ended_for_another_is_not_served_when_the_outcome_is_unknown() {
    let world = world();
    let user = UserId::new();
    let first = world.open(user, 1).await;
    for _ in 1..PER_USER_MAX {
        world.clock.advance(Duration::SECOND);
        world.open(user, 1).await;
    }
    world.store.fail_writes();

    world.ask(Create { user, epoch: 1, client: ClientInfo::default() }).await.unwrap_err();

    assert!(!world.is_live(&first).await);
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

#[actix::test]
async fn ends_that_the_store_cannot_take_are_bounded_and_there_is_room_again_once_it_does() {
    const FLOORS_MAX: usize = 16_384;
    let world = world();
    let users: Vec<_> = (0..FLOORS_MAX).map(|_| UserId::new()).collect();
    world.store.refuse_writes(true);
    for user in &users {
        assert!(world.ask(EnsureRevocable { user: *user }).await.is_ok());
        world.ask(RaiseEpoch { user: *user, epoch: 2 }).await.unwrap_err();
    }

    let full = world.ask(EnsureRevocable { user: UserId::new() }).await.unwrap_err();
    let known = world.ask(EnsureRevocable { user: users[0] }).await;
    world.store.refuse_writes(false);
    world.ask(RaiseEpoch { user: users[0], epoch: 2 }).await.unwrap();
    let room = world.ask(EnsureRevocable { user: UserId::new() }).await;

    assert_eq!((full.fault(), full.code()), (Fault::Server(Server::Unavailable), "unavailable"));
    assert!(known.is_ok(), "whose sessions end already");
    assert!(room.is_ok());
}
