//! What user events say of owners, in whatever order and however often they come.

use futures_util::future::join_all;
use portico_kernel::UserId;
use portico_photo::{Inserted, Photo, Reserved, Store, Summary};
use time::Duration;
use uuid::Uuid;

use super::{QUOTA, due, reserved, upload};
use crate::values::{NOW, change, idempotency, key, photo};

async fn registered(store: &dyn Store) -> UserId {
    let owner = UserId::new();
    store.apply(Uuid::now_v7(), change(owner, 1, false), NOW).await.unwrap();
    owner
}

async fn delete(store: &dyn Store, owner: UserId) -> Uuid {
    let event = Uuid::now_v7();
    store.apply(event, change(owner, 2, true), NOW).await.unwrap();
    event
}

async fn uploaded(store: &dyn Store, owner: UserId) -> Photo {
    let photo = photo(owner);
    upload(store, &photo).await;
    photo
}

/// An owner that is deleted has nothing and may have nothing.
async fn assert_deleted(store: &dyn Store, owner: UserId) {
    assert_eq!(reserved(store, &photo(owner)).await, Reserved::OwnerDeleted);
    assert_eq!(store.summary(owner, 10).await.unwrap(), Summary::default());
    assert_eq!(store.list(owner, None, 10).await.unwrap().items, []);
}

pub(crate) async fn a_deleted_owners_photos_are_gone_and_their_content_is_due(store: &dyn Store) {
    let owner = registered(store).await;
    let (first, second) = (uploaded(store, owner).await, uploaded(store, owner).await);

    delete(store, owner).await;

    assert_eq!(store.find(owner, first.id).await.unwrap(), None);
    assert_eq!(due(store).await, [first.id, second.id]);
    assert!(store.due(NOW, 10).await.unwrap().iter().all(|work| work.owner == owner && work.attempts == 0));
    assert_deleted(store, owner).await;
}

pub(crate) async fn a_deleted_owners_keys_are_gone(store: &dyn Store) {
    let photo = photo(registered(store).await);
    reserved(store, &photo).await;
    store.insert(&photo, Some(&idempotency("k")), QUOTA).await.unwrap();

    delete(store, photo.owner).await;

    assert_eq!(store.recall(photo.owner, &key("k"), NOW).await.unwrap(), None);
}

pub(crate) async fn a_deleted_owner_can_neither_reserve_nor_keep(store: &dyn Store) {
    let late = photo(registered(store).await);
    reserved(store, &late).await;
    delete(store, late.owner).await;

    let (kept, granted) =
        (store.insert(&late, Some(&idempotency("k")), QUOTA).await.unwrap(), reserved(store, &photo(late.owner)).await);

    assert_eq!((kept, granted), (Inserted::OwnerDeleted, Reserved::OwnerDeleted));
    assert_eq!(store.find(late.owner, late.id).await.unwrap(), None);
    assert_eq!(store.recall(late.owner, &key("k"), NOW).await.unwrap(), None);
    assert_eq!(store.backlog().await.unwrap(), 1); // the late one's reservation, so that its content goes
}

pub(crate) async fn a_deletion_takes_no_other_owners_photos(store: &dyn Store) {
    let (gone, stays) = (registered(store).await, registered(store).await);
    uploaded(store, gone).await;
    let photo = uploaded(store, stays).await;

    delete(store, gone).await;

    assert_eq!(store.summary(stays, 10).await.unwrap(), Summary { count: 1, latest: vec![photo] });
}

pub(crate) async fn a_late_event_does_not_revive_a_deleted_owner(store: &dyn Store) {
    let owner = registered(store).await;
    delete(store, owner).await;

    for version in [1, 2, 99] {
        store.apply(Uuid::now_v7(), change(owner, version, false), NOW).await.unwrap();
    }

    assert_deleted(store, owner).await;
}

pub(crate) async fn a_deletion_that_comes_first_is_final(store: &dyn Store) {
    let (owner, overtaken) = (UserId::new(), UserId::new());
    store.apply(Uuid::now_v7(), change(overtaken, 9, false), NOW).await.unwrap();

    delete(store, owner).await;
    store.apply(Uuid::now_v7(), change(owner, 1, false), NOW).await.unwrap();
    delete(store, overtaken).await; // under a version that should have been newer: a deletion is the last all the same

    assert_deleted(store, owner).await;
    assert_deleted(store, overtaken).await;
}

pub(crate) async fn a_deletion_is_applied_once_however_often_it_comes(store: &dyn Store) {
    let owner = registered(store).await;
    let photo = uploaded(store, owner).await;
    let event = delete(store, owner).await;
    store.done(photo.id).await.unwrap();

    store.apply(event, change(owner, 2, true), NOW).await.unwrap();
    delete(store, owner).await; // the same, told by another event

    assert_eq!(store.backlog().await.unwrap(), 0);
    assert_deleted(store, owner).await;
}

pub(crate) async fn an_event_is_applied_once_whatever_it_says_when_it_comes_again(store: &dyn Store) {
    let (owner, event) = (UserId::new(), Uuid::now_v7());
    store.apply(event, change(owner, 1, false), NOW).await.unwrap();

    store.apply(event, change(owner, 2, true), NOW).await.unwrap();

    assert_eq!(reserved(store, &photo(owner)).await, Reserved::Granted);
}

pub(crate) async fn an_event_that_was_forgotten_and_comes_again_changes_nothing(store: &dyn Store) {
    let (owner, event) = (UserId::new(), Uuid::now_v7());
    store.apply(event, change(owner, 1, false), NOW).await.unwrap();
    delete(store, owner).await;
    store.purge(NOW, NOW + Duration::DAY).await.unwrap();

    store.apply(event, change(owner, 1, false), NOW).await.unwrap();

    assert_deleted(store, owner).await;
}

pub(crate) async fn uploads_that_race_a_deletion_leave_nothing_behind(store: &dyn Store) {
    let owner = registered(store).await;
    let photos: Vec<_> = (0..20).map(|_| photo(owner)).collect();
    for photo in &photos {
        reserved(store, photo).await;
    }
    let insert = |photo| async move { store.insert(photo, None, QUOTA).await.unwrap() };
    let (early, late) = photos.split_at(10);

    tokio::join!(join_all(early.iter().map(insert)), delete(store, owner), join_all(late.iter().map(insert)));

    assert_deleted(store, owner).await;
    let mut listed: Vec<_> =
        store.due(NOW + Duration::DAY, 100).await.unwrap().into_iter().map(|work| work.photo).collect();
    listed.sort_unstable();
    assert_eq!(listed, photos.iter().map(|photo| photo.id).collect::<Vec<_>>());
}
