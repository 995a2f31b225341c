//! Passwords that an operator gave: they sign in once, and not for long.

use futures_util::future::join_all;
use portico_kernel::{Blame as _, Pool, testkit::until};
use portico_user::*;
use time::Duration;

use crate::support::*;

/// Resets Ann's password; answers the one-time password.
async fn reset(world: &World) -> String {
    world.ask(ResetPassword { email: address(EMAIL) }).await.unwrap().expose().to_owned()
}

async fn is_refused(world: &World, given: &str) -> bool {
    matches!(world.sign_in(EMAIL, given).await, Err(Error::BadCredentials))
}

#[actix::test]
async fn a_reset_gives_a_password_that_signs_in_once_and_ends_every_session() {
    let world = world();
    let ann = world.ann().await;

    let given = reset(&world).await;
    let signed_in = world.sign_in(EMAIL, &given).await.unwrap();

    assert!(given.len() >= 20);
    assert!(!world.is_live(&ann) && world.is_live(&signed_in));
    assert!(is_refused(&world, PASSWORD).await, "the password before it");
    assert!(is_refused(&world, &given).await && is_refused(&world, &given).await, "a second sign-in with it");
    assert!(world.is_live(&signed_in));
}

#[actix::test]
async fn what_is_used_or_expired_is_refused_as_a_wrong_password_is() {
    for expires in [false, true] {
        let world = world();
        world.ann().await;
        let given = reset(&world).await;
        if expires {
            world.clock.advance(OneTime::LIFETIME);
        } else {
            world.sign_in(EMAIL, &given).await.unwrap();
        }

        let before = world.store.calls();
        let spent = world.sign_in(EMAIL, &given).await.unwrap_err();
        let between = world.store.calls();
        let wrong = world.sign_in(EMAIL, NEW_PASSWORD).await.unwrap_err();

        assert!(matches!((&spent, &wrong), (Error::BadCredentials, Error::BadCredentials)), "{expires}: {spent:?}");
        assert_eq!(between - before, world.store.calls() - between, "{expires}");
    }
}

#[actix::test]
async fn what_is_used_is_hashed_before_it_is_refused() {
    let world = world();
    world.ann().await;
    let given = reset(&world).await;
    world.sign_in(EMAIL, &given).await.unwrap();
    let (pool, (hold, held)) = (Pool::new("hash", 1, 0), std::sync::mpsc::channel::<()>());
    let users = start(&Ports { hasher: Hasher::new(CHEAP, pool.clone()).unwrap(), ..world.ports.clone() });
    let load = pool.clone();
    actix::spawn(async move { pool.run(move || held.recv()).await });
    until("the only thread is busy", || load.load().running == 1).await;

    let error = users.ask().ask(authenticate(EMAIL, &given)).await.unwrap_err();
    drop(hold);

    assert!(matches!(error, Error::HashingOverloaded), "{error:?}");
}

#[actix::test]
async fn an_unused_one_signs_in_until_it_expires() {
    let world = world();
    world.ann().await;
    let given = reset(&world).await;

    world.clock.advance(OneTime::LIFETIME - Duration::NANOSECOND);

    assert!(world.sign_in(EMAIL, &given).await.is_ok());
}

#[actix::test]
async fn of_sign_ins_at_the_same_time_one_wins_and_the_others_leave_no_session() {
    for _ in 0..20 {
        let world = world();
        let ann = world.ann().await;
        let given = reset(&world).await;

        let answers = join_all((0..8).map(|_| world.sign_in(EMAIL, &given))).await;

        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Error::BadCredentials))), "{answers:?}");
        assert_eq!(world.sessions.live(ann.user.id), [2]);
    }
}

#[actix::test]
async fn whoever_signed_in_chooses_a_password_by_it_however_late_and_that_one_stays() {
    let world = world();
    let user = world.ann().await.user.id;
    let given = reset(&world).await;
    world.sign_in(EMAIL, &given).await.unwrap();
    world.clock.advance(OneTime::LIFETIME * 2);

    let change = UpdateAccount { current_password: Some(password(&given)), ..change_password(user) };
    let updated = world.ask(change).await.unwrap();

    assert!(world.sessions.is_live(updated.rotated.unwrap().session.id));
    assert_eq!(world.store.account(user).one_time, None);
    assert!(world.sign_in(EMAIL, NEW_PASSWORD).await.is_ok());
    assert!(world.sign_in(EMAIL, NEW_PASSWORD).await.is_ok());
    assert!(is_refused(&world, &given).await);
}

#[actix::test]
async fn a_one_time_password_cannot_be_chosen_to_stay() {
    let world = world();
    let user = world.ann().await.user.id;
    let given = reset(&world).await;
    world.sign_in(EMAIL, &given).await.unwrap();

    let same = Some(password(&given));
    let change = UpdateAccount { new_password: same.clone(), current_password: same, ..update(user) };
    let error = world.ask(change).await.unwrap_err();

    assert_eq!((&*error.fields()[0].field, error.fields()[0].code), ("new_password", "one_time"));
    assert!(is_refused(&world, &given).await);
}

#[actix::test]
async fn another_reset_replaces_a_one_time_password_whether_it_is_used_or_not() {
    for is_used in [false, true] {
        let world = world();
        world.ann().await;
        let first = reset(&world).await;
        if is_used {
            world.sign_in(EMAIL, &first).await.unwrap();
        }

        let second = reset(&world).await;

        assert!(is_refused(&world, &first).await);
        assert!(world.sign_in(EMAIL, &second).await.is_ok());
        assert!(is_refused(&world, &second).await);
    }
}

#[actix::test]
async fn a_sign_in_that_got_no_session_uses_nothing_up() {
    let world = world();
    world.ann().await;
    let given = reset(&world).await;
    world.sessions.set_away(true);

    let failed = world.sign_in(EMAIL, &given).await;
    world.sessions.set_away(false);

    assert!(matches!(failed, Err(Error::Session(_))));
    assert!(world.sign_in(EMAIL, &given).await.is_ok());
    assert!(is_refused(&world, &given).await);
}

#[actix::test]
async fn a_sign_in_that_cannot_be_written_down_leaves_no_session() {
    let world = world();
    let user = world.ann().await.user.id;
    let given = reset(&world).await;
    world.store.fail_updates(true);

    let failed = world.sign_in(EMAIL, &given).await;
    world.store.fail_updates(false);

    assert!(matches!(failed, Err(Error::Store(_))));
    assert!(world.sessions.live(user).is_empty());
    assert!(world.sign_in(EMAIL, &given).await.is_ok());
}

#[actix::test]
async fn a_change_that_overtakes_a_sign_in_undoes_no_use_and_prevents_none() {
    let world = world();
    let user = world.ann().await.user.id;
    let given = reset(&world).await;
    let mut times = 0;
    world.store.interfere(move |accounts| {
        times += 1;
        if times == 1 {
            accounts.get_mut(&user).unwrap().user.version += 1;
        }
    });

    world.sign_in(EMAIL, &given).await.unwrap();
    world.ask(UpdateAccount { name: Some(name("Anna")), ..update(user) }).await.unwrap();

    assert_eq!(world.sessions.live(user), [2]);
    assert!(is_refused(&world, &given).await);
}

#[actix::test]
async fn the_end_of_all_sessions_makes_a_used_one_no_good_again() {
    let world = world();
    world.ann().await;
    let given = reset(&world).await;
    let signed_in = world.sign_in(EMAIL, &given).await.unwrap();

    world.ask(SignOut { email: address(EMAIL) }).await.unwrap();

    assert!(!world.is_live(&signed_in));
    assert!(is_refused(&world, &given).await);
}

#[actix::test]
async fn a_better_hash_is_no_use_and_keeps_the_bounds() {
    let world = world();
    let user = world.ann().await.user.id;
    let given = reset(&world).await;
    let expires_at = world.store.account(user).one_time.unwrap().expires_at;
    world.store.replace_hash(user, &bcrypt::hash(&given, 4).unwrap());

    world.sign_in(EMAIL, &given).await.unwrap();

    let account = world.store.account(user);
    assert!(account.password.expose().starts_with("$argon2id$"));
    assert_eq!(account.one_time, Some(OneTime { expires_at, used_at: Some(expires_at - OneTime::LIFETIME) }));
    assert!(is_refused(&world, &given).await);
}

#[actix::test]
async fn a_repeated_registration_is_no_second_way_in() {
    let world = world();
    world.ask(register_under("key-1", 1)).await.unwrap();
    let given = reset(&world).await;
    let repeat = || Register { password: password(&given), ..register_under("key-1", 1) };

    let first = world.ask(repeat()).await;
    let second = world.ask(repeat()).await;

    assert!(first.is_ok());
    assert!(matches!(second, Err(Error::BadCredentials)));
}

#[actix::test]
async fn a_password_that_its_owner_chose_has_no_bounds() {
    let world = world();
    let user = world.ann().await.user.id;

    world.clock.advance(OneTime::LIFETIME * 2);

    assert_eq!(world.store.account(user).one_time, None);
    assert!(world.sign_in(EMAIL, PASSWORD).await.is_ok());
    assert!(world.sign_in(EMAIL, PASSWORD).await.is_ok());
}
