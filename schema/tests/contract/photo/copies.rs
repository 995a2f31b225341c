//! Photos whose content is copied to another place, and what is written down of that.

use portico_kernel::UserId;
use portico_photo::{ContentWork, Photo, Store};
use time::Duration;
use uuid::Uuid;

use super::{due, reserved, upload};
use crate::values::{NOW, change, photo};

pub(crate) async fn all_photos_are_told_once_and_in_order(store: &dyn Store) {
    let (one, other) = (UserId::new(), UserId::new());
    let photos = [photo(one), photo(other), photo(one), photo(other), photo(one)];
    for photo in &photos {
        upload(store, photo).await;
    }

    let mut told: Vec<Photo> = Vec::new();
    loop {
        let next = store.all(told.last().map(|photo| (photo.owner, photo.id)), 2).await.unwrap();
        if next.is_empty() {
            break;
        }
        told.extend(next);
    }

    let mut expected = photos.to_vec();
    expected.sort_by_key(|photo| (photo.owner, photo.id));
    assert_eq!(told, expected);
    assert_eq!(store.count().await.unwrap(), 5);
}

pub(crate) async fn a_copy_that_ended_leaves_the_photo_as_it_was(store: &dyn Store) {
    let photo = photo(UserId::new());
    upload(store, &photo).await;

    let begun = store.begin_copy(photo.owner, photo.id, NOW + Duration::HOUR).await.unwrap();
    let backlog = store.backlog().await.unwrap();
    let ended = store.end_copy(photo.owner, photo.id, NOW).await.unwrap();

    assert_eq!((begun, backlog, ended), (true, 1, true));
    assert_eq!(store.backlog().await.unwrap(), 0);
    assert_eq!(store.find(photo.owner, photo.id).await.unwrap(), Some(photo));
}

pub(crate) async fn a_photo_that_is_gone_is_not_copied(store: &dyn Store) {
    let (photo, never) = (photo(UserId::new()), photo(UserId::new()));
    upload(store, &photo).await;
    store.delete(photo.owner, photo.id, NOW).await.unwrap();

    let begun = store.begin_copy(photo.owner, photo.id, NOW + Duration::HOUR).await.unwrap();
    let unknown = store.begin_copy(never.owner, never.id, NOW).await.unwrap();

    assert!(!begun && !unknown);
    assert_eq!(due(store).await, [photo.id], "its deletion is due as it was");
}

pub(crate) async fn a_photo_deleted_during_its_copy_is_due_when_that_has_ended(store: &dyn Store) {
    let photo = photo(UserId::new());
    upload(store, &photo).await;
    store.begin_copy(photo.owner, photo.id, NOW + Duration::HOUR).await.unwrap();

    store.delete(photo.owner, photo.id, NOW).await.unwrap();
    let during = due(store).await;
    let ended = store.end_copy(photo.owner, photo.id, NOW).await.unwrap();

    assert_eq!(during, []);
    assert!(!ended);
    assert_eq!(due(store).await, [photo.id]);
}

pub(crate) async fn an_owner_deleted_during_a_copy_leaves_it_due_at_its_time(store: &dyn Store) {
    let owner = UserId::new();
    let (copied, other) = (photo(owner), photo(owner));
    for photo in [&copied, &other] {
        upload(store, photo).await;
    }
    store.begin_copy(owner, copied.id, NOW + Duration::HOUR).await.unwrap();

    store.apply(Uuid::now_v7(), change(owner, 2, true), NOW).await.unwrap();

    assert_eq!(due(store).await, [other.id]);
    let later = store.due(NOW + Duration::HOUR, 10).await.unwrap();
    assert!(later.contains(&ContentWork { owner, photo: copied.id, attempts: 0 }), "{later:?}");
}

pub(crate) async fn a_copy_that_was_broken_off_takes_no_content_from_a_photo_that_is_there(store: &dyn Store) {
    let photo = photo(UserId::new());
    upload(store, &photo).await;
    store.begin_copy(photo.owner, photo.id, NOW).await.unwrap();
    assert_eq!(due(store).await, [photo.id]);

    let listed = store.postpone(photo.id, NOW + Duration::MINUTE).await.unwrap();

    assert!(!listed);
    assert_eq!(store.backlog().await.unwrap(), 0);
    assert!(store.find(photo.owner, photo.id).await.unwrap().is_some());
}

pub(crate) async fn a_copy_that_begins_again_has_its_time_anew(store: &dyn Store) {
    let photo = photo(UserId::new());
    reserved(store, &photo).await;
    store.insert(&photo, None, 10).await.unwrap();
    store.begin_copy(photo.owner, photo.id, NOW).await.unwrap();

    store.begin_copy(photo.owner, photo.id, NOW + Duration::HOUR).await.unwrap();

    assert_eq!(due(store).await, []);
}
