//! SQLite keeps every contract, and what it acknowledged outlives the process.

use std::{future::Future, path::PathBuf};

use portico_kernel::{Outbox as _, StoreError, UserId};
use portico_schema::{photo::Photos, session::Sessions, user::Users};
use portico_user::registered;
use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;

use crate::values::{NOW, account, content, next, photo, session};

/// Makes of the user database what the first version made.
const FIRST_VERSION_OF_USERS: &str = "DELETE FROM seaql_migrations WHERE version <> 'm0001_first';
    ALTER TABLE users DROP COLUMN one_time_expires_at;
    ALTER TABLE users DROP COLUMN one_time_used_at;
    ALTER TABLE outbox DROP COLUMN kind;
    ALTER TABLE outbox DROP COLUMN user_id;
    ALTER TABLE outbox DROP COLUMN version;
    ALTER TABLE outbox DROP COLUMN epoch;
    DROP TABLE imports";

/// A store in a directory that goes with it.
struct Opened<S> {
    store: S,
    _directory: TempDir,
}

async fn opened<S, F: Future<Output = S>>(open: impl FnOnce(PathBuf) -> F) -> Opened<S> {
    let directory = tempfile::tempdir().unwrap();
    Opened { store: open(directory.path().join("store.db")).await, _directory: directory }
}

async fn users() -> Opened<Users> {
    opened(async |path| {
        let store = Users::open(&path).await.unwrap();
        store.migrate().await.unwrap();
        store
    })
    .await
}

async fn sessions() -> Opened<Sessions> {
    opened(async |path| {
        let store = Sessions::open(&path).await.unwrap();
        store.migrate().await.unwrap();
        store
    })
    .await
}

async fn photos() -> Opened<Photos> {
    opened(async |path| {
        let store = Photos::open(&path).await.unwrap();
        store.migrate().await.unwrap();
        store
    })
    .await
}

mod user {
    user_contract!(super::users);
}

mod outbox {
    outbox_contract!(super::users);
}

mod session {
    session_contract!(super::sessions);
    session_purge_contract!(super::sessions);
}

mod photo {
    photo_contract!(super::photos);
}

#[tokio::test]
async fn an_account_and_its_event_outlive_a_process_that_never_closed() {
    use portico_user::Store as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.db");
    let ann = account("ann@example.com");
    let first = Users::open(&path).await.unwrap();
    first.migrate().await.unwrap();
    first.insert(&ann, &registered(&ann, NOW), None).await.unwrap();
    drop(first);

    let second = Users::open(&path).await.unwrap();
    second.migrate().await.unwrap();

    assert!(second.find(ann.user.id).await.unwrap().is_some());
    assert_eq!(second.depth().await.unwrap(), 1);
}

#[tokio::test]
async fn a_session_outlives_a_process_that_never_closed() {
    use portico_session::Store as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.db");
    let (session, hash) = session(UserId::new(), 1);
    let first = Sessions::open(&path).await.unwrap();
    first.migrate().await.unwrap();
    first.insert(&session, hash, 100).await.unwrap();
    drop(first);

    let second = Sessions::open(&path).await.unwrap();

    assert_eq!(second.find(hash).await.unwrap(), Some(session));
}

#[tokio::test]
async fn a_photo_and_a_reservation_outlive_a_process_that_never_closed() {
    use portico_photo::Store as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("photo.db");
    let (kept, reserved) = (photo(UserId::new()), photo(UserId::new()));
    let first = Photos::open(&path).await.unwrap();
    first.migrate().await.unwrap();
    first.reserve(kept.owner, kept.id, NOW, 1).await.unwrap();
    first.insert(&kept, None, 1).await.unwrap();
    first.reserve(reserved.owner, reserved.id, NOW, 1).await.unwrap();
    drop(first);

    let second = Photos::open(&path).await.unwrap();

    assert_eq!(second.find(kept.owner, kept.id).await.unwrap(), Some(kept));
    assert_eq!(second.backlog().await.unwrap(), 1);
}

#[tokio::test]
async fn a_row_of_the_outbox_whose_text_is_damaged_tells_what_its_columns_say() {
    use portico_user::{Store as _, deleted, updated};
    let Opened { store, _directory: directory } = users().await;
    let ann = account("ann@example.com");
    let changed = portico_user::Account { epoch: 2, ..next(&ann) };
    let gone = next(&changed);
    let told = [registered(&ann, NOW), updated(&changed, NOW), deleted(&gone, NOW)];
    store.insert(&ann, &told[0], None).await.unwrap();
    store.update(&changed, &told[1]).await.unwrap();
    store.delete(&gone, &told[2]).await.unwrap();
    let url = format!("sqlite://{}", directory.path().join("store.db").display());
    let other = sea_orm::Database::connect(url).await.unwrap();

    for damage in [
        "substr(event, 1, 40)",
        "'{}'",
        "''",
        "replace(event, '\"data\"', '\"date\"')",
        "replace(event, 'user.', '')",
        "replace(event, '\"epoch\":', '\"epoch\":1')",
    ] {
        other.execute_unprepared(&format!("UPDATE outbox SET event = {damage}")).await.unwrap();

        let oldest = store.oldest(10).await.unwrap();

        let what =
            |event: &portico_kernel::Event| (event.id, event.kind.clone(), event.subject.clone(), event.data.clone());
        assert_eq!(oldest.iter().map(what).collect::<Vec<_>>(), told.each_ref().map(what), "{damage}");
    }
    assert_eq!(store.depth().await.unwrap(), 3, "nothing was set aside");
}

#[tokio::test]
async fn a_row_of_the_first_version_that_is_no_event_holds_up_nobody_and_is_kept_aside() {
    use portico_user::Store as _;
    let Opened { store, _directory: directory } = users().await;
    let sound = account("sound@example.com");
    for number in 0..3 {
        let damaged = account(&format!("{number}@example.com"));
        store.insert(&damaged, &registered(&damaged, NOW), None).await.unwrap();
    }
    let url = format!("sqlite://{}", directory.path().join("store.db").display());
    let other = sea_orm::Database::connect(url).await.unwrap();
    let of_the_first =
        "UPDATE outbox SET event = substr(event, 1, 40), kind = NULL, user_id = NULL, version = NULL, epoch = NULL";
    other.execute_unprepared(of_the_first).await.unwrap();
    let event = registered(&sound, NOW);
    store.insert(&sound, &event, None).await.unwrap();

    let oldest = store.oldest(2).await.unwrap();

    assert_eq!(oldest, [event]);
    assert_eq!(store.depth().await.unwrap(), 1);
    let aside = other.query_all_raw(sea_orm::Statement::from_string(
        sea_orm::DbBackend::Sqlite,
        "SELECT reason FROM set_aside WHERE length(event) = 40",
    ));
    let reasons: Vec<String> = aside.await.unwrap().iter().map(|row| row.try_get("", "reason").unwrap()).collect();
    assert!(reasons.len() == 3 && reasons.iter().all(|reason| reason.contains("cannot be read")), "{reasons:?}");
}

#[tokio::test]
async fn accounts_of_the_first_version_keep_their_passwords_without_bounds_and_events_that_wait_are_told() {
    use portico_user::Store as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.db");
    let ann = account("ann@example.com");
    let before = Users::open(&path).await.unwrap();
    before.migrate().await.unwrap();
    let event = registered(&ann, NOW);
    before.insert(&ann, &event, None).await.unwrap();
    before.close().await.unwrap();
    let other = sea_orm::Database::connect(format!("sqlite://{}", path.display())).await.unwrap();
    other.execute_unprepared(FIRST_VERSION_OF_USERS).await.unwrap();
    other.close().await.unwrap();

    let after = Users::open(&path).await.unwrap();
    after.migrate().await.unwrap();

    assert_eq!(content(&after.find(ann.user.id).await.unwrap().unwrap()), content(&ann));
    assert_eq!(after.oldest(10).await.unwrap(), [event]);
}

#[tokio::test]
async fn a_closed_store_refuses_and_says_that_nothing_was_changed() {
    use portico_user::Store as _;
    let users = users().await.store;
    let ann = account("ann@example.com");
    users.close().await.unwrap();

    let refused = users.insert(&ann, &registered(&ann, NOW), None).await;
    let checked = users.check().await;

    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(matches!(checked, Err(StoreError::Unavailable(_))));
}
