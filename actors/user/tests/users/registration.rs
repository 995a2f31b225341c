//! Opening accounts, and repeating it.

use futures_util::future::join_all;
use portico_kernel::{Blame as _, Client, Fault};
use portico_user::*;
use time::Duration;

use crate::support::*;

/// How long a test waits for what must come at once.
const SOON: std::time::Duration = std::time::Duration::from_secs(10);

#[actix::test]
async fn registering_opens_an_account_tells_of_it_and_signs_in() {
    let world = world();

    let signed_in = world.ann().await;

    assert!(world.is_live(&signed_in));
    assert_eq!(world.store.outbox(), [(USER_REGISTERED.to_owned(), 1)]);
    let (user, calls) = (world.get_user.ask(GetUser { id: signed_in.user.id }).await.unwrap(), world.store.calls());
    assert_eq!((user, calls), (signed_in.user, 1), "the profile was published, and nobody asked the store for it");
}

#[actix::test]
async fn a_taken_email_is_the_clients_conflict() {
    let world = world();
    world.ann().await;

    let error = world.ask(register("Ann@Example.COM")).await.unwrap_err();

    assert_eq!(error.fault(), Fault::Client(Client::Conflict));
    assert_eq!(world.store.accounts().len(), 1);
}

#[actix::test]
async fn a_weak_password_is_named_and_stores_nothing() {
    let world = world();

    let error = world.ask(Register { password: password("password1"), ..register(EMAIL) }).await.unwrap_err();

    assert_eq!(error.fault(), Fault::Client(Client::Invalid));
    assert_eq!((&*error.fields()[0].field, error.fields()[0].code), ("password", "too_common"));
    assert!(world.store.accounts().is_empty());
}

#[actix::test]
async fn parallel_registrations_under_one_key_have_one_effect() {
    let world = world();

    let answers = join_all((0..20).map(|_| world.ask(register_under("key", 1)))).await;

    let opened = answers.iter().filter(|answer| answer.is_ok()).count();
    let waiting = answers.iter().filter(|answer| matches!(answer, Err(Error::KeyInProgress))).count();
    assert_eq!((opened, waiting), (1, 19));
    assert_eq!((world.store.accounts().len(), world.store.outbox().len()), (1, 1));
    let user = world.store.accounts()[0].user.id;
    assert_eq!(world.sessions.live(user).len(), 1, "who was told to wait has opened nothing");
}

#[actix::test]
async fn parallel_registrations_on_two_instances_have_one_effect() {
    let world = world();
    let twin = start(&world.ports).ask();

    let (one, other) = tokio::join!(world.ask(register_under("key", 1)), twin.ask(register_under("key", 1)));

    assert_eq!(one.unwrap().user.id, other.unwrap().user.id);
    assert_eq!((world.store.accounts().len(), world.store.outbox().len()), (1, 1));
}

#[actix::test]
async fn a_repeat_under_the_same_key_signs_in_again_and_changes_nothing() {
    let world = world();
    let first = world.ask(register_under("key", 1)).await.unwrap();

    let again = world.ask(register_under("key", 1)).await.unwrap();

    assert_eq!(again.user, first.user);
    assert_ne!(again.opened.session.id, first.opened.session.id);
    assert_eq!(world.store.outbox().len(), 1);
}

#[actix::test]
async fn a_repeat_with_another_password_proves_nothing() {
    let world = world();
    world.ask(register_under("key", 1)).await.unwrap();

    let repeat = Register { password: password(NEW_PASSWORD), ..register_under("key", 1) };
    let error = world.ask(repeat).await.unwrap_err();

    assert!(matches!(error, Error::BadCredentials));
}

#[actix::test]
async fn another_body_under_the_same_key_is_refused() {
    let world = world();
    world.ask(register_under("key", 1)).await.unwrap();

    let error = world.ask(register_under("key", 2)).await.unwrap_err();

    assert!(matches!(error, Error::KeyReused));
}

#[actix::test]
async fn a_registration_whose_session_step_failed_is_finished_by_its_repeat() {
    let world = world();
    world.sessions.set_away(true);
    let error = world.ask(register_under("key", 1)).await.unwrap_err();
    world.sessions.set_away(false);

    let signed_in = world.ask(register_under("key", 1)).await.unwrap();

    assert!(matches!(error, Error::Session(_)));
    assert!(world.is_live(&signed_in));
    assert_eq!(world.store.accounts().len(), 1);
}

#[actix::test]
async fn a_key_is_free_again_when_its_registration_failed() {
    let world = world();
    let weak = Register { password: password("password1"), ..register_under("key", 1) };
    world.ask(weak).await.unwrap_err();

    let signed_in = world.ask(register_under("key", 2)).await.unwrap();

    assert!(world.is_live(&signed_in));
}

#[actix::test]
async fn a_key_past_its_time_begins_anew_even_before_it_is_purged() {
    let world = world();
    world.ask(register_under("key", 1)).await.unwrap();
    world.clock.advance(Duration::hours(24) + Duration::SECOND);

    let other = Register { email: address("bob@example.com"), ..register_under("key", 2) };
    let signed_in = world.ask(other).await.unwrap();

    assert_eq!(signed_in.user.email.as_str(), "bob@example.com");
}

#[actix::test]
async fn keys_past_their_time_are_purged_at_the_start() {
    let world = world();
    world.ask(register_under("key", 1)).await.unwrap();
    world.store.purged(SOON).await; // at the first start
    world.clock.advance(Duration::hours(24) + Duration::SECOND);

    let _restarted = start(&world.ports);
    world.store.purged(SOON).await;

    assert_eq!(world.store.keys(), 0);
}

#[actix::test]
async fn keys_past_their_time_are_purged() {
    let world = world();
    world.ask(register_under("key", 1)).await.unwrap();
    world.store.purged(SOON).await; // at the start
    world.clock.advance(Duration::hours(24) + Duration::SECOND);

    tokio::time::pause(); // which lets time jump to the next timer
    world.store.purged(PURGE_INTERVAL * 2).await;

    assert_eq!(world.store.keys(), 0);
}

#[actix::test]
async fn an_import_answers_for_each_account_in_order_and_can_be_repeated() {
    let world = world();
    world.ann().await;
    let hash = PasswordHash::import(&bcrypt::hash("from elsewhere", 4).unwrap()).unwrap();
    let import =
        |n: usize| NewAccount { name: name("X"), email: address(&format!("x{n}@example.com")), password: hash.clone() };
    let users: Vec<_> =
        (0..Import::MAX_BATCH).map(import).chain([NewAccount { email: address(EMAIL), ..import(0) }]).collect();

    let first = world.ask(Import { users: users.clone() }).await.unwrap();
    let again = world.ask(Import { users }).await.unwrap();

    assert!(first[..Import::MAX_BATCH].iter().all(|outcome| matches!(outcome, Imported::Opened(_))));
    assert_eq!(first[Import::MAX_BATCH], Imported::EmailTaken);
    assert!(again.iter().all(|outcome| *outcome == Imported::EmailTaken));
    assert!(world.sign_in("x7@example.com", "from elsewhere").await.is_ok());
}
