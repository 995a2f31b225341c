//! Commands that overlap: who wins is the store's to say, and nobody who lost leaves anything behind.

use futures_util::future::join_all;
use portico_kernel::{Ask, Ref, UserId};
use portico_session::LAST_EPOCH;
use portico_user::*;

use crate::support::*;

#[actix::test]
async fn a_sign_in_that_a_deletion_overtakes_leaves_no_live_session() {
    let world = world();
    let ann = world.ann().await;
    let (was_asked, release) = world.sessions.hold_next_create();
    let sign_in = world.actor.ask();
    let sign_in = actix::spawn(async move { sign_in.ask(authenticate(EMAIL, PASSWORD)).await });
    was_asked.await.unwrap();

    world.ask(DeleteAccount { user: ann.user.id, password: password(PASSWORD) }).await.unwrap();
    release.send(()).unwrap();

    assert!(matches!(sign_in.await.unwrap(), Err(Error::BadCredentials)));
    assert!(world.sessions.live(ann.user.id).is_empty());
}

#[actix::test]
async fn a_sign_in_that_a_new_password_overtakes_opens_nothing() {
    let world = world();
    let ann = world.ann().await;
    let (was_asked, release) = world.sessions.hold_next_create();
    let sign_in = world.actor.ask();
    let sign_in = actix::spawn(async move { sign_in.ask(authenticate(EMAIL, PASSWORD)).await });
    was_asked.await.unwrap();

    world.ask(change_password(ann.user.id)).await.unwrap();
    release.send(()).unwrap();

    assert!(matches!(sign_in.await.unwrap(), Err(Error::BadCredentials)));
    assert_eq!(world.sessions.live(ann.user.id), [2]);
}

/// Somebody's profile is read by an instance that has none; before the answer of its store comes, `change` is made.
async fn read_while<T>(world: &World, id: UserId, change: impl AsyncFnOnce(Ref<Users>) -> T) -> (Ask<GetUser>, T) {
    let fresh = Profiles::new(100);
    let ports = Ports { profiles: fresh.clone(), ..world.ports.clone() };
    let actor = start(&ports);
    let get_user = Profiles::reader(fresh, actor.ask());
    let (has_read, release) = world.store.hold_next_find();
    let late = get_user.clone();
    let reading = actix::spawn(async move { late.ask(GetUser { id }).await });
    has_read.await.unwrap();

    let changed = change(actor).await;
    release.send(()).unwrap();
    reading.await.unwrap().expect("it was asked before the change");
    (get_user, changed)
}

#[actix::test]
async fn a_reading_that_a_deletion_overtakes_does_not_bring_the_profile_back() {
    let world = world();
    let id = world.ann().await.user.id;

    let delete = DeleteAccount { user: id, password: password(PASSWORD) };
    let (get_user, deleted) = read_while(&world, id, async |actor| actor.ask().ask(delete).await).await;

    deleted.unwrap();
    assert!(matches!(get_user.ask(GetUser { id }).await, Err(Error::Unknown)));
}

#[actix::test]
async fn a_reading_that_a_change_overtakes_does_not_bring_the_older_profile_back() {
    let world = world();
    let id = world.ann().await.user.id;

    let rename = UpdateAccount { name: Some(name("Anna")), ..update(id) };
    let (get_user, renamed) = read_while(&world, id, async |actor| actor.ask().ask(rename).await).await;

    assert_eq!(get_user.ask(GetUser { id }).await.unwrap(), renamed.unwrap().user);
}

#[actix::test]
async fn a_reading_that_a_change_of_unknown_outcome_overtakes_is_not_kept() {
    let world = world();
    let id = world.ann().await.user.id;
    world.store.lose_answers_of_changes();

    let rename = UpdateAccount { name: Some(name("Anna")), ..update(id) };
    let (get_user, renamed) = read_while(&world, id, async |actor| actor.ask().ask(rename).await).await;

    assert!(matches!(renamed, Err(Error::Store(_))));
    assert_eq!(get_user.ask(GetUser { id }).await.unwrap().name.as_str(), "Anna");
}

#[actix::test]
async fn a_change_that_another_overtakes_keeps_both() {
    let world = world();
    let user = world.ann().await.user.id;
    let mut times = 0;
    world.store.interfere(move |accounts| {
        times += 1;
        if times == 1 {
            let account = accounts.get_mut(&user).unwrap();
            account.user.version += 1;
            account.user.email = address("anna@example.com");
        }
    });

    let updated = world.ask(UpdateAccount { name: Some(name("Anna")), ..update(user) }).await.unwrap();

    assert_eq!((updated.user.name.as_str(), updated.user.email.as_str()), ("Anna", "anna@example.com"));
    assert_eq!(updated.user.version, 3);
}

#[actix::test]
async fn a_change_that_is_always_overtaken_is_a_conflict() {
    let world = world();
    let user = world.ann().await.user.id;
    world.store.interfere(move |accounts| accounts.get_mut(&user).unwrap().user.version += 1);

    let error = world.ask(UpdateAccount { name: Some(name("Anna")), ..update(user) }).await.unwrap_err();

    assert!(matches!(error, Error::Conflict));
}

#[actix::test]
async fn a_change_whose_password_was_changed_meanwhile_proves_nothing_any_more() {
    let world = world();
    let user = world.ann().await.user.id;
    let other = hasher().hash(&password(NEW_PASSWORD)).await.unwrap();
    world.store.interfere(move |accounts| {
        let account = accounts.get_mut(&user).unwrap();
        account.user.version += 1;
        account.password = other.clone();
    });

    let error = world.ask(change_password(user)).await.unwrap_err();

    assert!(matches!(error, Error::WrongPassword));
}

#[actix::test]
async fn parallel_registrations_of_one_address_open_one_account() {
    let world = world();

    let answers = join_all((0..20).map(|_| world.ask(register(EMAIL)))).await;

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Error::EmailTaken))));
    assert_eq!(world.store.accounts().len(), 1);
}

#[actix::test]
async fn whatever_races_no_session_outlives_the_credentials_that_opened_it() {
    for deletes in [false, true] {
        for _ in 0..20 {
            let world = world();
            let user = world.ann().await.user.id;

            let sign_ins = join_all((0..8).map(|_| world.sign_in(EMAIL, PASSWORD)));
            let change = world.ask(change_password(user));
            let delete = async {
                if deletes {
                    let _wrong_if_changed = world.ask(DeleteAccount { user, password: password(PASSWORD) }).await;
                }
            };
            let (_, _, ()) = tokio::join!(sign_ins, change, delete);

            let epoch = world.store.accounts().first().map_or(LAST_EPOCH, |account| account.epoch);
            assert!(world.sessions.live(user).into_iter().all(|opened_under| opened_under >= epoch));
        }
    }
}
