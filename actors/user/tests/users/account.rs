//! Changing and deleting an account.

use portico_kernel::{AskError, Blame as _, Fault, Server, UserId};
use portico_session as session;
use portico_user::*;

use crate::support::*;

#[actix::test]
async fn a_name_changes_without_a_password_and_ends_no_session() {
    let world = world();
    let ann = world.ann().await;

    let updated = world.ask(UpdateAccount { name: Some(name("Anna")), ..update(ann.user.id) }).await.unwrap();

    assert_eq!((updated.user.name.as_str(), updated.user.version), ("Anna", 2));
    assert!(updated.rotated.is_none() && world.is_live(&ann));
    assert_eq!(world.store.outbox().last().unwrap(), &(USER_UPDATED.to_owned(), 2));
    assert_eq!(world.get_user.ask(GetUser { id: ann.user.id }).await.unwrap(), updated.user);
}

#[actix::test]
async fn an_address_or_a_new_password_needs_the_current_one() {
    let world = world();
    let user = world.ann().await.user.id;

    for change in [
        UpdateAccount { email: Some(address("anna@example.com")), ..update(user) },
        UpdateAccount { new_password: Some(password(NEW_PASSWORD)), ..update(user) },
    ] {
        let wrong = Some(password(NEW_PASSWORD));
        let (email, new_password) = (change.email.clone(), change.new_password.clone());
        let proven_wrong = UpdateAccount { email, new_password, current_password: wrong, ..update(user) };

        assert_eq!(world.ask(change).await.unwrap_err().fields()[0].field, "current_password");
        assert!(matches!(world.ask(proven_wrong).await, Err(Error::WrongPassword)));
    }
    assert_eq!(world.store.account(user).user.version, 1);
}

#[actix::test]
async fn a_current_password_that_is_wrong_is_told_even_where_none_is_needed() {
    let world = world();
    let user = world.ann().await.user.id;
    let rename = |current: &str| {
        let current_password = Some(password(current));
        UpdateAccount { name: Some(name("Anna")), current_password, ..update(user) }
    };

    let wrong = world.ask(rename(NEW_PASSWORD)).await;
    let unchanged = world.store.account(user).user.version;
    let right = world.ask(rename(PASSWORD)).await.unwrap();

    assert!(matches!(wrong, Err(Error::WrongPassword)));
    assert_eq!((unchanged, right.user.version, right.rotated.is_none()), (1, 2, true));
}

#[actix::test]
async fn a_change_of_nothing_changes_nothing_and_tells_nobody() {
    let world = world();
    let ann = world.ann().await;
    let told = world.store.outbox().len();

    let updated = world.ask(update(ann.user.id)).await.unwrap();

    assert_eq!(updated.user, ann.user);
    assert_eq!(world.store.outbox().len(), told);
    assert!(updated.rotated.is_none() && world.is_live(&ann));
}

#[actix::test]
async fn a_changed_password_has_ended_every_other_session_when_it_answers() {
    let world = world();
    let ann = world.ann().await;
    let other = world.sign_in(EMAIL, PASSWORD).await.unwrap();

    let updated = world.ask(change_password(ann.user.id)).await.unwrap();

    assert!(!world.is_live(&ann) && !world.is_live(&other));
    assert!(world.sessions.is_live(updated.rotated.unwrap().session.id));
    assert!(matches!(world.sign_in(EMAIL, PASSWORD).await, Err(Error::BadCredentials)));
    assert!(world.sign_in(EMAIL, NEW_PASSWORD).await.is_ok());
}

#[actix::test]
async fn a_changed_address_signs_in_and_the_old_one_no_longer_does() {
    let world = world();
    let ann = world.ann().await;
    let email = Some(address("anna@example.com"));

    let change = UpdateAccount { email, current_password: Some(password(PASSWORD)), ..update(ann.user.id) };
    world.ask(change).await.unwrap();

    assert!(!world.is_live(&ann));
    assert!(matches!(world.sign_in(EMAIL, PASSWORD).await, Err(Error::BadCredentials)));
    assert!(world.sign_in("anna@example.com", PASSWORD).await.is_ok());
}

#[actix::test]
async fn a_weak_new_password_is_named_and_changes_nothing() {
    let world = world();
    let ann = world.ann().await;

    let weak = UpdateAccount { new_password: Some(password(EMAIL)), ..change_password(ann.user.id) };
    let error = world.ask(weak).await.unwrap_err();

    assert_eq!((&*error.fields()[0].field, error.fields()[0].code), ("new_password", "too_personal"));
    assert_eq!(world.store.account(ann.user.id).user.version, 1);
    assert!(world.is_live(&ann));
}

#[actix::test]
async fn an_address_that_another_has_is_taken() {
    let world = world();
    let ann = world.ann().await;
    world.ask(register("bob@example.com")).await.unwrap();
    let (email, current_password) = (Some(address("bob@example.com")), Some(password(PASSWORD)));

    let error = world.ask(UpdateAccount { email, current_password, ..update(ann.user.id) }).await.unwrap_err();

    assert!(matches!(error, Error::EmailTaken));
    assert!(world.is_live(&ann));
}

#[actix::test]
async fn a_change_stands_when_only_its_session_step_failed() {
    let world = world();
    let ann = world.ann().await;
    world.sessions.set_away(true);

    let error = world.ask(change_password(ann.user.id)).await.unwrap_err();

    assert!(matches!(error, Error::Session(session::Error::Ask(AskError::Unavailable))));
    assert_eq!(world.store.account(ann.user.id).epoch, 2);
    assert_eq!(world.store.outbox().last().unwrap(), &(USER_UPDATED.to_owned(), 2), "which ends the sessions later");
}

#[actix::test]
async fn a_deleted_account_is_gone_with_its_sessions_when_it_answers() {
    let world = world();
    let ann = world.ann().await;

    world.ask(DeleteAccount { user: ann.user.id, password: password(PASSWORD) }).await.unwrap();

    assert!(world.store.accounts().is_empty() && !world.is_live(&ann));
    assert_eq!(world.store.outbox().last().unwrap(), &(USER_DELETED.to_owned(), 2));
    assert!(matches!(world.get_user.ask(GetUser { id: ann.user.id }).await, Err(Error::Unknown)));
    assert!(matches!(world.sign_in(EMAIL, PASSWORD).await, Err(Error::BadCredentials)));
}

#[actix::test]
async fn a_wrong_password_deletes_nothing() {
    let world = world();
    let ann = world.ann().await;

    let error = world.ask(DeleteAccount { user: ann.user.id, password: password(NEW_PASSWORD) }).await.unwrap_err();

    assert!(matches!(error, Error::WrongPassword));
    assert!(world.is_live(&ann));
}

#[actix::test]
async fn a_deletion_whose_session_step_failed_says_so_and_is_finished_by_its_event() {
    let world = world();
    let ann = world.ann().await;
    world.sessions.set_away(true);

    let delete = DeleteAccount { user: ann.user.id, password: password(PASSWORD) };
    let error = world.ask(delete).await.unwrap_err();

    assert!(matches!(error, Error::Session(_)));
    assert!(world.store.accounts().is_empty());
    assert_eq!(world.store.outbox().last().unwrap().0, USER_DELETED);
}

#[actix::test]
async fn an_unknown_user_is_unknown() {
    let world = world();
    let id = UserId::new();

    assert!(matches!(world.get_user.ask(GetUser { id }).await, Err(Error::Unknown)));
    assert!(matches!(world.ask(update(id)).await, Err(Error::Unknown)));
    assert!(matches!(world.ask(DeleteAccount { user: id, password: password(PASSWORD) }).await, Err(Error::Unknown)));
}

#[actix::test]
async fn credentials_do_not_change_while_the_sessions_under_them_could_not_be_ended() {
    let world = world();
    let ann = world.ann().await;
    let (user, told) = (ann.user.id, world.store.outbox().len());
    world.sessions.fill();

    let refused = [
        world.ask(change_password(user)).await.map(drop),
        world.ask(DeleteAccount { user, password: password(PASSWORD) }).await,
        world.ask(ResetPassword { email: address(EMAIL) }).await.map(drop),
        world.ask(SignOut { email: address(EMAIL) }).await.map(drop),
    ];
    let renamed = world.ask(UpdateAccount { name: Some(name("Anna")), ..update(user) }).await;

    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Server(Server::Unavailable), "unavailable"));
        assert!(error.retry_after().is_some());
    }
    assert!(renamed.is_ok() && world.is_live(&ann), "what ends no session goes on");
    assert_eq!((world.store.account(user).epoch, world.store.outbox().len()), (1, told + 1));
    assert!(world.sign_in(EMAIL, PASSWORD).await.is_ok());
}
