//! The work list of content to delete, and what is purged.

use futures_util::future::try_join_all;
use portico_kernel::{StoreError, UserId};
use portico_photo::{ContentWork, Store};
use time::Duration;
use uuid::Uuid;

use super::{QUOTA, reserved};
use crate::values::{NOW, change, idempotency, key, photo};

pub(crate) async fn a_reservation_is_due_at_its_time(store: &dyn Store) {
    let photo = photo(UserId::new());
    store.reserve(photo.owner, photo.id, NOW, QUOTA).await.unwrap();

    let (before, at) = (store.due(NOW - Duration::NANOSECOND, 10).await.unwrap(), store.due(NOW, 10).await.unwrap());

    assert_eq!(before, []);
    assert_eq!(at, [ContentWork { owner: photo.owner, photo: photo.id, attempts: 0 }]);
}

pub(crate) async fn what_is_due_comes_oldest_first_and_no_more_than_asked_for(store: &dyn Store) {
    let photos = [photo(UserId::new()), photo(UserId::new()), photo(UserId::new())];
    for (photo, age) in photos.iter().zip([1, 3, 2]) {
        store.reserve(photo.owner, photo.id, NOW - Duration::seconds(age), QUOTA).await.unwrap();
    }

    let due = store.due(NOW, 2).await.unwrap();

    assert_eq!(due.iter().map(|work| work.photo).collect::<Vec<_>>(), [photos[1].id, photos[2].id]);
    assert_eq!(store.backlog().await.unwrap(), 3);
}

pub(crate) async fn what_is_done_leaves_the_list(store: &dyn Store) {
    let (done, left) = (photo(UserId::new()), photo(UserId::new()));
    for photo in [&done, &left] {
        store.reserve(photo.owner, photo.id, NOW, QUOTA).await.unwrap();
    }

    store.done(done.id).await.unwrap();
    store.done(done.id).await.unwrap();

    assert_eq!(super::due(store).await, [left.id]);
}

pub(crate) async fn what_is_put_off_comes_later_and_counts_its_attempts(store: &dyn Store) {
    let photo = photo(UserId::new());
    store.reserve(photo.owner, photo.id, NOW, QUOTA).await.unwrap();
    let (later, latest) = (NOW + Duration::MINUTE, NOW + Duration::HOUR);

    store.postpone(photo.id, later).await.unwrap();
    store.postpone(photo.id, latest).await.unwrap();

    assert_eq!(store.due(later, 10).await.unwrap(), []);
    let due = store.due(latest, 10).await.unwrap();
    assert_eq!(due, [ContentWork { owner: photo.owner, photo: photo.id, attempts: 2 }]);
}

pub(crate) async fn what_was_put_off_is_taken_over_by_no_upload(store: &dyn Store) {
    let photo = photo(UserId::new());
    store.reserve(photo.owner, photo.id, NOW, QUOTA).await.unwrap();

    let listed = store.postpone(photo.id, NOW + Duration::MINUTE).await.unwrap();
    let refused = store.insert(&photo, None, QUOTA).await;

    assert!(listed);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.find(photo.owner, photo.id).await.unwrap(), None);
    assert_eq!(store.backlog().await.unwrap(), 1);
}

pub(crate) async fn what_an_upload_took_over_can_no_longer_be_put_off(store: &dyn Store) {
    let photo = photo(UserId::new());
    reserved(store, &photo).await;
    store.insert(&photo, None, QUOTA).await.unwrap();

    let listed = store.postpone(photo.id, NOW).await.unwrap();

    assert!(!listed);
    assert_eq!(store.backlog().await.unwrap(), 0);
}

pub(crate) async fn a_purge_forgets_keys_and_events_from_before(store: &dyn Store) {
    let photo = photo(UserId::new());
    reserved(store, &photo).await;
    store.insert(&photo, Some(&idempotency("k")), QUOTA).await.unwrap();
    store.apply(Uuid::now_v7(), change(photo.owner, 1, false), NOW).await.unwrap();

    let at_their_time = store.purge(NOW, NOW).await.unwrap();
    let after_it = store.purge(NOW + Duration::NANOSECOND, NOW + Duration::NANOSECOND).await.unwrap();

    assert_eq!((at_their_time, after_it), (0, 2));
    assert_eq!(store.recall(photo.owner, &key("k"), NOW).await.unwrap(), None);
    assert!(store.find(photo.owner, photo.id).await.unwrap().is_some());
}

pub(crate) async fn a_purge_forgets_however_many_there_are(store: &dyn Store) {
    let owner = UserId::new();
    let events = (0..1_500).map(|version| store.apply(Uuid::now_v7(), change(owner, version, false), NOW));
    try_join_all(events).await.unwrap();

    let forgotten = store.purge(NOW, NOW + Duration::NANOSECOND).await.unwrap();

    assert_eq!(forgotten, 1_500);
}

pub(crate) async fn a_check_succeeds_and_can_be_repeated(store: &dyn Store) {
    for _ in 0..3 {
        store.check().await.unwrap();
    }
}
