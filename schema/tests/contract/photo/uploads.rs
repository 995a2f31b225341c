//! Keeping, finding and deleting photos.

use futures_util::future::join_all;
use portico_kernel::{IDEMPOTENCY_KEPT, StoreError, UserId};
use portico_photo::{Inserted, Photo, PhotoId, Remembered, Reserved, Store, Summary};
use time::Duration;

use super::{QUOTA, due, reserved, upload};
use crate::values::{NOW, idempotency, key, photo};

pub(crate) async fn a_photo_reads_back_as_it_was_kept(store: &dyn Store) {
    let photo = photo(UserId::new());
    upload(store, &photo).await;

    let found = store.find(photo.owner, photo.id).await.unwrap();

    assert_eq!(found, Some(photo));
}

pub(crate) async fn a_photo_is_its_owners_alone(store: &dyn Store) {
    let photo = photo(UserId::new());
    upload(store, &photo).await;
    let somebody = UserId::new();

    assert_eq!(store.find(somebody, photo.id).await.unwrap(), None);
    assert_eq!(store.list(somebody, None, 10).await.unwrap().items, []);
    assert_eq!(store.find(photo.owner, PhotoId::new()).await.unwrap(), None);
}

pub(crate) async fn a_kept_photo_takes_its_reservation_off_the_list(store: &dyn Store) {
    let (kept, broken_off) = (photo(UserId::new()), photo(UserId::new()));
    reserved(store, &broken_off).await;

    upload(store, &kept).await;

    assert_eq!(store.backlog().await.unwrap(), 1);
    let work = store.due(NOW + Duration::DAY, 10).await.unwrap();
    assert_eq!(
        work.iter().map(|work| (work.owner, work.photo)).collect::<Vec<_>>(),
        [(broken_off.owner, broken_off.id)]
    );
}

pub(crate) async fn an_owner_of_whom_no_event_came_yet_may_upload(store: &dyn Store) {
    let photo = photo(UserId::new());

    upload(store, &photo).await;

    assert_eq!(store.summary(photo.owner, 10).await.unwrap(), Summary { count: 1, latest: vec![photo] });
}

pub(crate) async fn a_photo_without_a_reservation_is_refused(store: &dyn Store) {
    let photo = photo(UserId::new());
    reserved(store, &photo).await;
    store.done(photo.id).await.unwrap(); // its time passed and its content was deleted

    let refused = store.insert(&photo, Some(&idempotency("k")), QUOTA).await;

    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert_eq!(store.find(photo.owner, photo.id).await.unwrap(), None);
    assert!(store.recall(photo.owner, &key("k"), NOW).await.unwrap().is_none());
}

pub(crate) async fn a_full_owner_can_neither_reserve_nor_keep(store: &dyn Store) {
    let (first, second) = (photo(UserId::new()), photo(UserId::new()));
    let second = Photo { owner: first.owner, ..second };
    reserved(store, &second).await;
    upload(store, &first).await;

    let kept = store.insert(&second, None, 1).await.unwrap();
    let granted = store.reserve(first.owner, PhotoId::new(), NOW, 1).await.unwrap();

    assert_eq!((kept, granted), (Inserted::QuotaReached, Reserved::QuotaReached));
    assert_eq!(store.find(first.owner, second.id).await.unwrap(), None);
    assert_eq!(store.backlog().await.unwrap(), 1); // the second's reservation, so that its content goes
}

pub(crate) async fn a_refused_upload_leaves_its_key_free(store: &dyn Store) {
    let photo = photo(UserId::new());
    reserved(store, &photo).await;

    let refused = store.insert(&photo, Some(&idempotency("k")), 0).await.unwrap();

    assert_eq!(refused, Inserted::QuotaReached);
    assert_eq!(store.recall(photo.owner, &key("k"), NOW).await.unwrap(), None);
}

pub(crate) async fn a_repeated_upload_of_a_full_owner_is_known_by_its_key(store: &dyn Store) {
    let owner = UserId::new();
    let (first, again) = (photo(owner), photo(owner));
    for photo in [&first, &again] {
        reserved(store, photo).await;
    }
    store.insert(&first, Some(&idempotency("k")), 1).await.unwrap();

    let repeated = store.insert(&again, Some(&idempotency("k")), 1).await.unwrap();

    assert_eq!(repeated, Inserted::KeyKnown);
}

pub(crate) async fn the_quota_holds_for_parallel_uploads(store: &dyn Store) {
    let owner = UserId::new();
    let photos: Vec<_> = (0..20).map(|_| photo(owner)).collect();

    let outcomes = join_all(photos.iter().map(|photo| async move {
        reserved(store, photo).await;
        store.insert(photo, None, 5).await.unwrap()
    }));

    let outcomes = outcomes.await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Inserted::Kept).count(), 5);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Inserted::QuotaReached).count(), 15);
    assert_eq!(store.list(owner, None, 100).await.unwrap().items.len(), 5);
    assert_eq!((store.summary(owner, 0).await.unwrap().count, store.backlog().await.unwrap()), (5, 15));
}

pub(crate) async fn a_deletion_makes_room_under_the_quota(store: &dyn Store) {
    let owner = UserId::new();
    let (first, second) = (photo(owner), photo(owner));
    upload(store, &first).await;

    store.delete(owner, first.id, NOW).await.unwrap();

    assert_eq!(store.reserve(owner, second.id, NOW, 1).await.unwrap(), Reserved::Granted);
    assert_eq!(store.insert(&second, None, 1).await.unwrap(), Inserted::Kept);
}

pub(crate) async fn a_key_is_remembered_with_its_upload(store: &dyn Store) {
    let photo = photo(UserId::new());
    reserved(store, &photo).await;

    store.insert(&photo, Some(&idempotency("k")), QUOTA).await.unwrap();

    let remembered = store.recall(photo.owner, &key("k"), NOW).await.unwrap();
    assert_eq!(remembered, Some(Remembered { photo: photo.id, fingerprint: [7; 32] }));
}

pub(crate) async fn a_known_key_keeps_nothing_and_leaves_the_reservation(store: &dyn Store) {
    let owner = UserId::new();
    let (first, again) = (photo(owner), photo(owner));
    for photo in [&first, &again] {
        reserved(store, photo).await;
    }
    store.insert(&first, Some(&idempotency("k")), QUOTA).await.unwrap();

    let repeated = store.insert(&again, Some(&idempotency("k")), QUOTA).await.unwrap();

    assert_eq!(repeated, Inserted::KeyKnown);
    assert_eq!(store.recall(owner, &key("k"), NOW).await.unwrap().unwrap().photo, first.id);
    assert_eq!(store.summary(owner, 10).await.unwrap(), Summary { count: 1, latest: vec![first] });
    assert_eq!(store.backlog().await.unwrap(), 1);
}

pub(crate) async fn owners_do_not_share_keys(store: &dyn Store) {
    let photos = [photo(UserId::new()), photo(UserId::new())];

    for photo in &photos {
        reserved(store, photo).await;
        assert_eq!(store.insert(photo, Some(&idempotency("k")), QUOTA).await.unwrap(), Inserted::Kept);
    }

    for photo in photos {
        assert_eq!(store.recall(photo.owner, &key("k"), NOW).await.unwrap().unwrap().photo, photo.id);
    }
}

pub(crate) async fn a_key_is_recalled_since_its_time_only(store: &dyn Store) {
    let photo = photo(UserId::new());
    reserved(store, &photo).await;
    store.insert(&photo, Some(&idempotency("k")), QUOTA).await.unwrap();

    let later = store.recall(photo.owner, &key("k"), NOW + Duration::NANOSECOND).await.unwrap();

    assert!(later.is_none());
    assert!(store.recall(photo.owner, &key("k"), NOW).await.unwrap().is_some());
}

pub(crate) async fn a_key_is_free_once_its_time_is_over_and_not_before(store: &dyn Store) {
    let owner = UserId::new();
    let first = photo(owner);
    let in_time = Photo { created_at: NOW + IDEMPOTENCY_KEPT, ..photo(owner) };
    let later = Photo { created_at: in_time.created_at + Duration::NANOSECOND, ..photo(owner) };
    for photo in [&first, &in_time, &later] {
        reserved(store, photo).await;
    }
    store.insert(&first, Some(&idempotency("k")), QUOTA).await.unwrap();

    let in_time = store.insert(&in_time, Some(&idempotency("k")), QUOTA).await.unwrap();
    let kept = store.insert(&later, Some(&idempotency("k")), QUOTA).await.unwrap();

    assert_eq!((in_time, kept), (Inserted::KeyKnown, Inserted::Kept));
    let recalled = store.recall(owner, &key("k"), later.created_at - IDEMPOTENCY_KEPT).await.unwrap();
    assert_eq!(recalled.unwrap().photo, later.id);
}

pub(crate) async fn a_key_past_its_time_stays_when_the_upload_is_refused(store: &dyn Store) {
    let first = photo(UserId::new());
    let later = Photo { created_at: NOW + Duration::days(2), ..photo(first.owner) };
    for photo in [&first, &later] {
        reserved(store, photo).await;
    }
    store.insert(&first, Some(&idempotency("k")), QUOTA).await.unwrap();

    let refused = store.insert(&later, Some(&idempotency("k")), 1).await.unwrap();

    assert_eq!(refused, Inserted::QuotaReached);
    assert!(store.recall(first.owner, &key("k"), NOW).await.unwrap().is_some());
}

pub(crate) async fn pages_go_on_where_the_last_one_ended(store: &dyn Store) {
    let owner = UserId::new();
    let mut photos: Vec<_> = (0..25).map(|_| photo(owner)).collect();
    for photo in &photos {
        upload(store, photo).await;
        upload(store, &crate::values::photo(UserId::new())).await;
    }
    photos.reverse();

    let (mut items, mut sizes, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.list(owner, after, 10).await.unwrap();
        sizes.push(page.items.len());
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }

    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(items, photos);
}

pub(crate) async fn a_full_last_page_is_the_last(store: &dyn Store) {
    let owner = UserId::new();
    for _ in 0..3 {
        upload(store, &photo(owner)).await;
    }

    let page = store.list(owner, None, 3).await.unwrap();

    assert_eq!((page.items.len(), page.next), (3, None));
}

pub(crate) async fn a_summary_counts_and_shows_the_latest(store: &dyn Store) {
    let owner = UserId::new();
    let photos: Vec<_> = (0..4).map(|_| photo(owner)).collect();
    for photo in &photos {
        upload(store, photo).await;
    }
    store.delete(owner, photos[3].id, NOW).await.unwrap();

    let summary = store.summary(owner, 2).await.unwrap();

    assert_eq!(summary, Summary { count: 3, latest: vec![photos[2].clone(), photos[1].clone()] });
}

pub(crate) async fn a_summary_of_nobody_is_empty(store: &dyn Store) {
    upload(store, &photo(UserId::new())).await;

    assert_eq!(store.summary(UserId::new(), 10).await.unwrap(), Summary::default());
}

pub(crate) async fn a_deleted_photo_is_gone_and_its_content_is_due(store: &dyn Store) {
    let photo = photo(UserId::new());
    upload(store, &photo).await;

    let first = store.delete(photo.owner, photo.id, NOW).await.unwrap();
    let second = store.delete(photo.owner, photo.id, NOW).await.unwrap();

    assert_eq!((first, second), (true, false));
    assert_eq!(store.find(photo.owner, photo.id).await.unwrap(), None);
    assert_eq!(store.summary(photo.owner, 10).await.unwrap(), Summary::default());
    assert_eq!(due(store).await, [photo.id]);
}

pub(crate) async fn nobody_deletes_anothers_photo(store: &dyn Store) {
    let photo = photo(UserId::new());
    upload(store, &photo).await;

    let deleted = store.delete(UserId::new(), photo.id, NOW).await.unwrap();

    assert!(!deleted);
    assert!(store.find(photo.owner, photo.id).await.unwrap().is_some());
    assert_eq!(store.backlog().await.unwrap(), 0);
}
