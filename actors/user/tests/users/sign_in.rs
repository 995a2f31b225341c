//! Signing in.

use portico_kernel::{Blame as _, Client, Fault, Pool, Server, testkit::until};
use portico_user::*;

use crate::support::*;

#[actix::test]
async fn the_right_password_signs_in_whatever_the_case_of_the_address() {
    let world = world();
    let ann = world.ann().await;

    let signed_in = world.sign_in("ANN@example.com", PASSWORD).await.unwrap();

    assert_eq!(signed_in.user, ann.user);
    assert!(world.is_live(&signed_in));
}

#[actix::test]
async fn an_unknown_address_and_a_wrong_password_are_the_same_answer_after_the_same_calls() {
    let world = world();
    world.ann().await;

    let before = world.store.calls();
    let unknown = world.sign_in("nobody@example.com", PASSWORD).await.unwrap_err();
    let between = world.store.calls();
    let wrong = world.sign_in(EMAIL, NEW_PASSWORD).await.unwrap_err();

    assert!(matches!((&unknown, &wrong), (Error::BadCredentials, Error::BadCredentials)));
    assert_eq!(unknown.fault(), Fault::Client(Client::Unauthenticated));
    assert_eq!(between - before, world.store.calls() - between);
}

#[actix::test]
async fn an_imported_bcrypt_hash_verifies_and_is_upgraded_without_an_event() {
    let world = world();
    let ann = world.ann().await;
    world.store.replace_hash(ann.user.id, &bcrypt::hash("old secret", 4).unwrap());

    world.sign_in(EMAIL, "old secret").await.unwrap();

    let account = world.store.account(ann.user.id);
    assert!(account.password.expose().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    assert_eq!((account.epoch, world.store.outbox().len()), (1, 1));
    assert!(world.sign_in(EMAIL, "old secret").await.is_ok(), "the better hash is of the same password");
}

#[actix::test]
async fn a_wrong_password_upgrades_nothing() {
    let world = world();
    let ann = world.ann().await;
    let hash = bcrypt::hash("old secret", 4).unwrap();
    world.store.replace_hash(ann.user.id, &hash);

    world.sign_in(EMAIL, "new secret").await.unwrap_err();

    assert_eq!(world.store.account(ann.user.id).password.expose(), hash);
}

#[actix::test]
async fn an_upgrade_that_fails_does_not_fail_the_sign_in() {
    let world = world();
    let ann = world.ann().await;
    world.store.replace_hash(ann.user.id, &bcrypt::hash("old secret", 4).unwrap());
    world.store.fail_rehash();

    let signed_in = world.sign_in(EMAIL, "old secret").await.unwrap();

    assert!(world.is_live(&signed_in));
}

#[actix::test]
async fn a_storm_of_sign_ins_is_refused_at_the_bound_of_the_pool() {
    let world = world();
    world.ann().await;
    let (pool, (hold, held)) = (Pool::new("hash", 1, 0), std::sync::mpsc::channel::<()>());
    let users = start(&Ports { hasher: Hasher::new(CHEAP, pool.clone()).unwrap(), ..world.ports.clone() });
    let load = pool.clone();
    actix::spawn(async move { pool.run(move || held.recv()).await });
    until("the only thread is busy", || load.load().running == 1).await;

    let error = users.ask().ask(authenticate(EMAIL, PASSWORD)).await.unwrap_err();
    drop(hold);

    assert_eq!((error.fault(), error.code()), (Fault::Server(Server::Overloaded), "overloaded"));
    assert!(error.retry_after().is_some());
}

#[actix::test]
async fn an_operator_signs_an_account_out_and_its_password_stays() {
    let world = world();
    let ann = world.ann().await;
    let bob = world.ask(register("bob@example.com")).await.unwrap();

    let user = world.ask(SignOut { email: address(EMAIL) }).await.unwrap();

    assert_eq!(user, ann.user.id);
    assert!(!world.is_live(&ann) && world.is_live(&bob));
    assert_eq!(world.store.account(user).epoch, 2);
    assert_eq!(world.store.outbox().last().unwrap(), &(USER_UPDATED.to_owned(), 2), "a crash does not undo it");
    assert!(world.is_live(&world.sign_in(EMAIL, PASSWORD).await.unwrap()));
}

#[actix::test]
async fn signing_out_an_unknown_address_says_so() {
    let error = world().ask(SignOut { email: address(EMAIL) }).await.unwrap_err();

    assert!(matches!(error, Error::Unknown));
}

#[actix::test]
async fn a_reset_of_an_unknown_address_says_so() {
    let error = world().ask(ResetPassword { email: address(EMAIL) }).await.unwrap_err();

    assert!(matches!(error, Error::Unknown));
}
