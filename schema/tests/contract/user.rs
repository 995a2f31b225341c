//! What every store of accounts promises.

use futures_util::future::{join_all, try_join_all};
use portico_kernel::{Event, UserId};
use portico_user::{
    Account, Changed, Email, Inserted, OneTime, PasswordHash, Remembered, Store, deleted, registered, updated,
};
use time::{Duration, OffsetDateTime};

use crate::values::{NOW, account, content, idempotency, key, next};

/// Has the contract tested over the store that `open` opens.
macro_rules! user_contract {
    ($open:path) => {
        sentences! { user over $open:
            an_account_reads_back_as_it_was_kept
            who_is_not_there_is_not_found
            an_address_names_one_account_whatever_its_case
            of_a_hundred_parallel_registrations_of_one_address_one_is_kept
            one_conflict_fails_none_of_its_neighbours
            a_key_is_remembered_with_its_registration
            a_known_key_keeps_nothing
            a_refused_registration_leaves_its_key_free
            of_parallel_registrations_under_one_key_one_is_kept
            a_key_is_recalled_since_its_time_only
            a_purge_forgets_the_keys_from_before_and_frees_them
            a_purge_forgets_however_many_there_are
            an_update_replaces_the_account_of_the_version_before
            an_update_of_another_version_is_stale_and_changes_nothing
            an_update_to_a_taken_address_changes_nothing
            an_update_that_conflicts_fails_none_of_its_neighbours
            an_address_that_was_given_up_is_free
            of_parallel_updates_of_one_version_one_is_done
            the_bounds_of_a_one_time_password_read_back_and_go_with_it
            a_rehash_replaces_the_hash_and_nothing_else
            a_rehash_of_another_password_changes_nothing
            a_deletion_takes_the_account_and_its_keys
            a_deletion_of_another_version_is_stale_and_changes_nothing
            a_deleted_account_can_be_neither_updated_nor_deleted
            an_import_keeps_each_account_on_its_own
            a_check_succeeds_and_can_be_repeated
        }
    };
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn event(account: &Account) -> Event {
    registered(account, NOW)
}

async fn kept(store: &dyn Store, email: &str) -> Account {
    let account = account(email);
    assert_eq!(store.insert(&account, &event(&account), None).await.unwrap(), Inserted::Kept);
    account
}

async fn found(store: &dyn Store, id: UserId) -> Account {
    store.find(id).await.unwrap().unwrap()
}

pub(crate) async fn an_account_reads_back_as_it_was_kept(store: &dyn Store) {
    let ann = kept(store, "Ann@Example.com").await;

    let (by_id, by_email) =
        (store.find(ann.user.id).await.unwrap(), store.find_by_email(&email("ANN@example.COM")).await.unwrap());

    assert_eq!(content(&by_id.unwrap()), content(&ann));
    assert_eq!(content(&by_email.unwrap()), content(&ann));
}

pub(crate) async fn who_is_not_there_is_not_found(store: &dyn Store) {
    kept(store, "ann@example.com").await;

    assert!(store.find(UserId::new()).await.unwrap().is_none());
    assert!(store.find_by_email(&email("bob@example.com")).await.unwrap().is_none());
    assert!(store.recall(&key("none"), NOW).await.unwrap().is_none());
}

pub(crate) async fn an_address_names_one_account_whatever_its_case(store: &dyn Store) {
    let ann = kept(store, "ann@example.com").await;
    let other = account("ANN@EXAMPLE.COM");

    let inserted = store.insert(&other, &event(&other), None).await.unwrap();

    assert_eq!(inserted, Inserted::EmailTaken);
    assert!(store.find(other.user.id).await.unwrap().is_none());
    assert_eq!(content(&found(store, ann.user.id).await), content(&ann));
}

pub(crate) async fn of_a_hundred_parallel_registrations_of_one_address_one_is_kept(store: &dyn Store) {
    let accounts: Vec<_> = (0..100).map(|_| account("ann@example.com")).collect();
    let registrations =
        accounts.iter().map(|account| async move { store.insert(account, &event(account), None).await });

    let outcomes = join_all(registrations).await;

    let kept: Vec<_> =
        accounts.iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, Ok(Inserted::Kept))).collect();
    let [(winner, _)] = kept[..] else { panic!("{} were kept", kept.len()) };
    let named = store.find_by_email(&email("ann@example.com")).await.unwrap().unwrap();
    assert_eq!(named.user.id, winner.user.id);
}

pub(crate) async fn one_conflict_fails_none_of_its_neighbours(store: &dyn Store) {
    kept(store, "taken@example.com").await;
    let accounts: Vec<_> = (0..20)
        .map(|n| account(&if n % 2 == 0 { format!("{n}@example.com") } else { "taken@example.com".into() }))
        .collect();

    let outcomes =
        join_all(accounts.iter().map(|account| async move { store.insert(account, &event(account), None).await }));

    for (n, outcome) in outcomes.await.into_iter().enumerate() {
        let expected = if n % 2 == 0 { Inserted::Kept } else { Inserted::EmailTaken };
        assert_eq!(outcome.unwrap(), expected, "{n}");
        assert_eq!(store.find(accounts[n].user.id).await.unwrap().is_some(), expected == Inserted::Kept, "{n}");
    }
}

pub(crate) async fn a_key_is_remembered_with_its_registration(store: &dyn Store) {
    let ann = account("ann@example.com");

    let inserted = store.insert(&ann, &event(&ann), Some(&idempotency("k"))).await.unwrap();

    let remembered = store.recall(&key("k"), NOW).await.unwrap().unwrap();
    let Remembered { user, fingerprint } = remembered;
    assert_eq!((inserted, user, fingerprint), (Inserted::Kept, ann.user.id, [7; 32]));
}

pub(crate) async fn a_known_key_keeps_nothing(store: &dyn Store) {
    let (ann, again, other) = (account("ann@example.com"), account("ann@example.com"), account("other@example.com"));
    store.insert(&ann, &event(&ann), Some(&idempotency("k"))).await.unwrap();

    let same_address = store.insert(&again, &event(&again), Some(&idempotency("k"))).await.unwrap();
    let other_address = store.insert(&other, &event(&other), Some(&idempotency("k"))).await.unwrap();

    assert_eq!((same_address, other_address), (Inserted::KeyKnown, Inserted::KeyKnown));
    assert!(store.find(other.user.id).await.unwrap().is_none());
    assert_eq!(store.recall(&key("k"), NOW).await.unwrap().unwrap().user, ann.user.id);
}

pub(crate) async fn a_refused_registration_leaves_its_key_free(store: &dyn Store) {
    kept(store, "ann@example.com").await;
    let late = account("ann@example.com");

    let refused = store.insert(&late, &event(&late), Some(&idempotency("k"))).await.unwrap();

    assert_eq!(refused, Inserted::EmailTaken);
    assert!(store.recall(&key("k"), NOW).await.unwrap().is_none());
}

pub(crate) async fn of_parallel_registrations_under_one_key_one_is_kept(store: &dyn Store) {
    let accounts: Vec<_> = (0..20).map(|n| account(&format!("{n}@example.com"))).collect();
    let idempotency = &idempotency("k");

    let outcomes = join_all(
        accounts.iter().map(|account| async move { store.insert(account, &event(account), Some(idempotency)).await }),
    );

    let outcomes: Vec<_> = outcomes.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Inserted::Kept).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Inserted::KeyKnown).count(), 19);
}

pub(crate) async fn a_key_is_recalled_since_its_time_only(store: &dyn Store) {
    let ann = account("ann@example.com");
    store.insert(&ann, &event(&ann), Some(&idempotency("k"))).await.unwrap();

    let later = store.recall(&key("k"), NOW + Duration::NANOSECOND).await.unwrap();

    assert!(later.is_none());
    assert!(store.recall(&key("k"), NOW).await.unwrap().is_some());
}

pub(crate) async fn a_purge_forgets_the_keys_from_before_and_frees_them(store: &dyn Store) {
    let (old, new, again) = (account("old@example.com"), account("new@example.com"), account("again@example.com"));
    let new = Account { user: portico_user::User { created_at: NOW + Duration::HOUR, ..new.user }, ..new };
    store.insert(&old, &event(&old), Some(&idempotency("old"))).await.unwrap();
    store.insert(&new, &event(&new), Some(&idempotency("new"))).await.unwrap();

    let forgotten = store.purge(NOW + Duration::HOUR).await.unwrap();

    assert_eq!(forgotten, 1);
    assert!(store.recall(&key("new"), NOW).await.unwrap().is_some());
    assert_eq!(store.insert(&again, &event(&again), Some(&idempotency("old"))).await.unwrap(), Inserted::Kept);
}

pub(crate) async fn a_purge_forgets_however_many_there_are(store: &dyn Store) {
    let registrations = (0..1_500).map(|n| async move {
        let account = account(&format!("{n}@example.com"));
        store.insert(&account, &event(&account), Some(&idempotency(&n.to_string()))).await
    });
    try_join_all(registrations).await.unwrap();

    let forgotten = store.purge(NOW + Duration::NANOSECOND).await.unwrap();

    assert_eq!(forgotten, 1_500);
}

pub(crate) async fn an_update_replaces_the_account_of_the_version_before(store: &dyn Store) {
    let mut changed = next(&kept(store, "ann@example.com").await);
    changed.user.email = email("Ann@new.example");
    changed.password = PasswordHash::new("$argon2id$second");
    changed.epoch = 2;

    let outcome = store.update(&changed, &updated(&changed, NOW)).await.unwrap();

    assert_eq!(outcome, Changed::Done);
    assert_eq!(content(&found(store, changed.user.id).await), content(&changed));
    assert!(store.find_by_email(&email("ann@new.example")).await.unwrap().is_some());
}

pub(crate) async fn an_update_of_another_version_is_stale_and_changes_nothing(store: &dyn Store) {
    let ann = kept(store, "ann@example.com").await;
    let too_new = next(&next(&ann));

    let outcomes = (
        store.update(&ann, &updated(&ann, NOW)).await.unwrap(),
        store.update(&too_new, &updated(&too_new, NOW)).await.unwrap(),
    );

    assert_eq!(outcomes, (Changed::Stale, Changed::Stale));
    assert_eq!(content(&found(store, ann.user.id).await), content(&ann));
}

pub(crate) async fn an_update_to_a_taken_address_changes_nothing(store: &dyn Store) {
    kept(store, "taken@example.com").await;
    let ann = kept(store, "ann@example.com").await;
    let mut changed = next(&ann);
    changed.user.email = email("Taken@example.com");

    let outcome = store.update(&changed, &updated(&changed, NOW)).await.unwrap();

    assert_eq!(outcome, Changed::EmailTaken);
    assert_eq!(content(&found(store, ann.user.id).await), content(&ann));
}

pub(crate) async fn an_update_that_conflicts_fails_none_of_its_neighbours(store: &dyn Store) {
    kept(store, "taken@example.com").await;
    let (ann, bob, eve) =
        (kept(store, "ann@example.com").await, kept(store, "bob@example.com").await, account("eve@example.com"));
    let (mut conflicting, mut renamed) = (next(&ann), next(&bob));
    conflicting.user.email = email("taken@example.com");
    renamed.user.email = email("robert@example.com");
    let (first, second) = (updated(&conflicting, NOW), updated(&renamed, NOW));
    let registration = event(&eve);

    let outcomes = tokio::join!(
        store.update(&conflicting, &first),
        store.update(&renamed, &second),
        store.insert(&eve, &registration, None),
    );

    assert_eq!(outcomes.0.unwrap(), Changed::EmailTaken);
    assert_eq!((outcomes.1.unwrap(), outcomes.2.unwrap()), (Changed::Done, Inserted::Kept));
    assert_eq!(content(&found(store, ann.user.id).await), content(&ann));
    assert_eq!(content(&found(store, bob.user.id).await), content(&renamed));
}

pub(crate) async fn an_address_that_was_given_up_is_free(store: &dyn Store) {
    let mut moved = next(&kept(store, "ann@example.com").await);
    moved.user.email = email("moved@example.com");
    store.update(&moved, &updated(&moved, NOW)).await.unwrap();

    let newcomer = kept(store, "ann@example.com").await;

    let named = store.find_by_email(&email("ann@example.com")).await.unwrap().unwrap();
    assert_eq!(named.user.id, newcomer.user.id);
}

pub(crate) async fn of_parallel_updates_of_one_version_one_is_done(store: &dyn Store) {
    let changed = next(&kept(store, "ann@example.com").await);

    let outcomes = join_all((0..20).map(|_| async { store.update(&changed, &updated(&changed, NOW)).await.unwrap() }));

    let outcomes = outcomes.await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Changed::Done).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Changed::Stale).count(), 19);
}

pub(crate) async fn the_bounds_of_a_one_time_password_read_back_and_go_with_it(store: &dyn Store) {
    let given = one_time(&kept(store, "ann@example.com").await, None);
    let used = one_time(&given, Some(NOW + Duration::NANOSECOND));
    let chosen = Account { one_time: None, ..next(&used) };

    for account in [given, used, chosen] {
        assert_eq!(store.update(&account, &updated(&account, NOW)).await.unwrap(), Changed::Done);

        assert_eq!(content(&found(store, account.user.id).await), content(&account));
    }
}

/// `account` after a change to a one-time password.
fn one_time(account: &Account, used_at: Option<OffsetDateTime>) -> Account {
    Account { one_time: Some(OneTime { used_at, ..OneTime::given_at(NOW) }), ..next(account) }
}

pub(crate) async fn a_rehash_replaces_the_hash_and_nothing_else(store: &dyn Store) {
    let ann = one_time(&kept(store, "ann@example.com").await, Some(NOW));
    store.update(&ann, &updated(&ann, NOW)).await.unwrap();
    let better = PasswordHash::new("$argon2id$better");

    store.rehash(ann.user.id, &ann.password, &better).await.unwrap();

    assert_eq!(content(&found(store, ann.user.id).await), content(&Account { password: better, ..ann }));
}

pub(crate) async fn a_rehash_of_another_password_changes_nothing(store: &dyn Store) {
    let ann = kept(store, "ann@example.com").await;

    store.rehash(ann.user.id, &PasswordHash::new("$argon2id$before"), &PasswordHash::new("$argon2id$x")).await.unwrap();

    assert_eq!(content(&found(store, ann.user.id).await), content(&ann));
}

pub(crate) async fn a_deletion_takes_the_account_and_its_keys(store: &dyn Store) {
    let (ann, bob) = (account("ann@example.com"), account("bob@example.com"));
    store.insert(&ann, &event(&ann), Some(&idempotency("ann"))).await.unwrap();
    store.insert(&bob, &event(&bob), Some(&idempotency("bob"))).await.unwrap();

    let gone = next(&ann);
    let outcome = store.delete(&gone, &deleted(&gone, NOW)).await.unwrap();

    assert_eq!(outcome, Changed::Done);
    assert!(store.find(ann.user.id).await.unwrap().is_none());
    assert!(store.find_by_email(&ann.user.email).await.unwrap().is_none());
    assert!(store.recall(&key("ann"), NOW).await.unwrap().is_none());
    assert!(store.recall(&key("bob"), NOW).await.unwrap().is_some());
}

pub(crate) async fn a_deletion_of_another_version_is_stale_and_changes_nothing(store: &dyn Store) {
    let ann = kept(store, "ann@example.com").await;

    let outcome = store.delete(&ann, &deleted(&ann, NOW)).await.unwrap();

    assert_eq!(outcome, Changed::Stale);
    assert_eq!(content(&found(store, ann.user.id).await), content(&ann));
}

pub(crate) async fn a_deleted_account_can_be_neither_updated_nor_deleted(store: &dyn Store) {
    let gone = next(&kept(store, "ann@example.com").await);
    store.delete(&gone, &deleted(&gone, NOW)).await.unwrap();

    let outcomes = (
        store.update(&gone, &updated(&gone, NOW)).await.unwrap(),
        store.delete(&gone, &deleted(&gone, NOW)).await.unwrap(),
    );

    assert_eq!(outcomes, (Changed::Stale, Changed::Stale));
    assert!(store.find(gone.user.id).await.unwrap().is_none());
}

pub(crate) async fn an_import_keeps_each_account_on_its_own(store: &dyn Store) {
    kept(store, "taken@example.com").await;
    let batch: Vec<_> = ["a@example.com", "taken@example.com", "b@example.com", "A@example.com"]
        .map(account)
        .into_iter()
        .map(|account| (account.clone(), event(&account)))
        .collect();

    let outcomes = store.import(&batch).await.unwrap();

    assert_eq!(outcomes, [Inserted::Kept, Inserted::EmailTaken, Inserted::Kept, Inserted::EmailTaken]);
    for ((account, _), outcome) in batch.iter().zip(outcomes) {
        assert_eq!(store.find(account.user.id).await.unwrap().is_some(), outcome == Inserted::Kept);
    }
}

pub(crate) async fn a_check_succeeds_and_can_be_repeated(store: &dyn Store) {
    for _ in 0..3 {
        store.check().await.unwrap();
    }
}
