//! Taking pictures in: what is kept, and that whatever is refused leaves nothing behind.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use portico_kernel::{Blame as _, Client, Fault, IDEMPOTENCY_KEPT, IdempotencyKey, StoreError, UserId, testkit::until};
use portico_photo::{
    Budget, ContentType, Error, Fingerprints, Get, Limits, Load, OwnerChange, Remembered, Rendition, Staging,
    Summarize, UploadAborted, Uploads,
};
use sha2::{Digest as _, Sha256};

use crate::{
    pictures,
    world::{LIMITS, upload, upload_by_hand, world, world_with},
};

#[actix_rt::test]
async fn an_upload_is_kept_with_its_rendition_and_its_row() {
    let world = world();

    let photo = world.load(&pictures::jpeg_with_metadata(300, 200, 1)).await.unwrap();

    let kept = world.content.kept.lock().unwrap().clone();
    let original = &kept[&photo.key(Rendition::Original)];
    let thumb = &kept[&photo.key(Rendition::Thumb)];
    let found = world.photos.ask::<Get>().ask(Get { owner: world.owner, photo: photo.id }).await.unwrap();
    assert_eq!(found, photo);
    assert_eq!((photo.content_type, photo.width, photo.height), (ContentType::Jpeg, 300, 200));
    assert_eq!((photo.size_bytes, photo.thumb_size_bytes), (original.len() as u64, thumb.len() as u64));
    assert_eq!(photo.sha256, <[u8; 32]>::from(Sha256::digest(original)));
    assert_eq!(photo.thumb_sha256, <[u8; 32]>::from(Sha256::digest(thumb)));
    assert_eq!(world.store.backlog_now(), 0);
    until("the staged files being gone", || world.staged().is_empty()).await;
}

#[actix_rt::test]
async fn an_upload_that_grows_too_large_is_refused_at_once() {
    let world = world();
    let (sender, upload) = upload_by_hand();
    let sent = AtomicU64::new(0);
    let endless = async {
        while sender.send(Ok(Bytes::from_static(&[0; 10_000]))).await.is_ok() {
            sent.fetch_add(10_000, Ordering::Relaxed);
        }
    };

    let load = Load { owner: world.owner, upload, idempotency: None };
    let ask = world.photos.ask::<Load>();
    let (refused, ()) = tokio::join!(ask.ask(load), endless);

    assert!(matches!(refused, Err(Error::TooLarge { max_bytes: 100_000 })));
    assert!(sent.into_inner() <= LIMITS.upload_max_bytes + 3 * 10_000, "the rest is not drained");
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn an_upload_that_is_broken_off_leaves_nothing() {
    let world = world();
    let (sender, upload) = upload_by_hand();
    let sending = async {
        sender.send(Ok(Bytes::from(pictures::jpeg(64, 64)))).await.unwrap();
        sender.send(Err(UploadAborted)).await.unwrap();
    };

    let ask = world.photos.ask::<Load>();
    let (refused, ()) = tokio::join!(ask.ask(Load { owner: world.owner, upload, idempotency: None }), sending);

    assert!(matches!(refused, Err(Error::Aborted)));
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn what_is_no_whole_picture_is_the_clients_fault_and_leaves_nothing() {
    let world = world();

    let renamed = world.load(b"\x7FELF\x02\x01\x01 pretending to be holiday.jpg").await.unwrap_err();
    let cut = world.load(&pictures::jpeg(64, 64)[..500]).await.unwrap_err();

    assert_eq!(renamed.fault(), Fault::Client(Client::UnsupportedMedia));
    assert_eq!(cut.fault(), Fault::Client(Client::Invalid));
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn a_picture_that_never_fits_the_memory_budget_is_refused_with_what_would() {
    let world = world_with(|parts| parts.budget = Budget::new(9 << 20));

    let refused = world.load(&pictures::jpeg(900, 900)).await;

    let Err(Error::TooManyPixels { max }) = refused else { panic!("{refused:?}") };
    assert!(max < 900 * 900, "{max}");
}

#[actix_rt::test]
async fn one_upload_more_than_the_bound_is_shed() {
    let world = world_with(|parts| parts.uploads = Uploads::new(1));
    let (sender, first) = upload_by_hand();
    let ask = world.photos.ask::<Load>();
    let first = ask.ask(Load { owner: world.owner, upload: first, idempotency: None });
    let second = async {
        sender.send(Ok(Bytes::from(pictures::jpeg(16, 16)))).await.unwrap();
        let refused = world.load(&pictures::jpeg(16, 16)).await;
        drop(sender);
        refused
    };

    let (first, second) = tokio::join!(first, second);

    assert!(matches!(second, Err(Error::Overloaded)));
    assert!(first.is_ok());
}

#[actix_rt::test]
async fn one_owner_takes_a_share_of_the_slots_and_leaves_the_others_to_others() {
    let uploads = Uploads::new(64);
    let world = world_with(|parts| parts.uploads = uploads.clone());
    let ask = world.photos.ask::<Load>();
    let held: Vec<_> = (0..8)
        .map(|_| {
            let (sender, upload) = upload_by_hand();
            let (ask, owner) = (ask.clone(), world.owner);
            (sender, actix_rt::spawn(async move { ask.ask(Load { owner, upload, idempotency: None }).await }))
        })
        .collect();
    until("the uploads having begun", || uploads.free() == 64 - 8).await;

    let one_more = world.load(&pictures::jpeg(16, 16)).await;
    let load = Load { owner: UserId::new(), upload: upload(&pictures::jpeg(16, 16)), idempotency: None };
    let anothers = ask.ask(load).await;
    for (sender, loading) in held {
        sender.send(Err(UploadAborted)).await.unwrap();
        assert!(matches!(loading.await.unwrap(), Err(Error::Aborted)));
    }

    let refused = one_more.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after().is_some()), ("overloaded", true));
    assert!(anothers.is_ok(), "{anothers:?}");
    assert_eq!(uploads.free(), 64);
    assert!(world.load(&pictures::jpeg(16, 16)).await.is_ok(), "what ended makes room");
}

#[actix_rt::test]
async fn content_that_cannot_be_kept_leaves_nothing() {
    for failing_put in [1, 2] {
        let world = world();
        world.content.fail.next("put", failing_put);

        let refused = world.load(&pictures::jpeg(64, 64)).await;

        assert!(matches!(refused, Err(Error::Store(StoreError::Unavailable(_)))));
        world.until_nothing_is_left().await;
    }
}

#[actix_rt::test]
async fn a_row_that_cannot_be_kept_leaves_no_content() {
    let world = world();
    world.store.fail.next("insert", 1);

    let refused = world.load(&pictures::jpeg(64, 64)).await;

    assert!(matches!(refused, Err(Error::Store(_))));
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn a_row_that_was_kept_although_the_store_failed_to_say_so_keeps_its_content() {
    let world = world();
    world.store.fail.next("answering the insert", 1);

    let refused = world.load(&pictures::jpeg(64, 64)).await;

    let swept = world.photos.ask::<portico_photo::Sweep>().ask(portico_photo::Sweep).await.unwrap();
    assert!(refused.is_err());
    assert_eq!(swept, 0);
    assert_eq!(world.content.kept.lock().unwrap().len(), 2);
    assert_eq!(world.summaries.ask(Summarize { owner: world.owner }).await.unwrap().count, 1);
}

#[actix_rt::test]
async fn an_upload_for_a_deleted_owner_leaves_nothing() {
    let world = world();
    let gone = OwnerChange { owner: world.owner, version: 9, deleted: true };
    world.store.rows.lock().unwrap().owners.insert(world.owner, gone);

    let refused = world.load(&pictures::jpeg(64, 64)).await;

    assert!(matches!(refused, Err(Error::OwnerDeleted)));
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn an_owner_who_is_deleted_during_an_upload_leaves_nothing() {
    let world = world();
    let gone = OwnerChange { owner: world.owner, version: 9, deleted: true };
    let now = portico_kernel::Clock::now(&world.clock);
    *world.store.meanwhile.lock().unwrap() = Some(Box::new(move |rows, _| rows.delete_owner(gone, now)));

    let refused = world.load(&pictures::jpeg(64, 64)).await;

    assert!(matches!(refused, Err(Error::OwnerDeleted)));
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn an_owner_with_as_many_photos_as_allowed_gets_no_more() {
    let world = world();
    for _ in 0..LIMITS.photos_per_user_max {
        world.load(&pictures::jpeg(16, 16)).await.unwrap();
    }

    let refused = world.load(&pictures::jpeg(16, 16)).await;

    assert!(matches!(refused, Err(Error::QuotaReached { max: 3 })));
    assert_eq!(world.content.kept.lock().unwrap().len(), 6);
    assert_eq!(world.store.backlog_now(), 0);
}

#[actix_rt::test]
async fn a_repeated_upload_answers_the_first_photo() {
    let world = world();
    let picture = pictures::jpeg(16, 16);
    let first = world.load_under(Some("key"), &picture).await.unwrap();

    let again = world.load_under(Some("key"), &picture).await.unwrap();
    let other = world.load_under(Some("key"), &pictures::jpeg(17, 16)).await;

    assert_eq!(again, first);
    assert!(matches!(other, Err(Error::KeyReused)));
    assert_eq!(world.content.kept.lock().unwrap().len(), 2);
}

#[actix_rt::test]
async fn a_key_that_is_past_its_time_is_free_although_it_was_not_purged_yet() {
    let world = world();
    let first = world.load_under(Some("key"), &pictures::jpeg(16, 16)).await.unwrap();
    world.clock.advance(IDEMPOTENCY_KEPT + Duration::from_mins(30));

    let second = world.load_under(Some("key"), &pictures::jpeg(17, 16)).await.unwrap();

    assert_ne!(second.id, first.id);
    assert_eq!(world.load_under(Some("key"), &pictures::jpeg(17, 16)).await.unwrap(), second);
}

#[actix_rt::test]
async fn a_fingerprint_is_the_uploads_own_and_says_nothing_without_the_secret() {
    let (world, elsewhere) = (world(), world_with(|parts| parts.fingerprints = Fingerprints::new([2; 32])));
    let picture = pictures::jpeg(16, 16);

    world.load_under(Some("first"), &picture).await.unwrap();
    world.load_under(Some("second"), &picture).await.unwrap();
    world.load_under(Some("other"), &pictures::jpeg(17, 16)).await.unwrap();
    elsewhere.load_under(Some("first"), &picture).await.unwrap();

    let fingerprint = world.fingerprint("first");
    assert_eq!(fingerprint, world.fingerprint("second"));
    assert_ne!(fingerprint, world.fingerprint("other"));
    assert_ne!(fingerprint, elsewhere.fingerprint("first"));
    assert_ne!(fingerprint, <[u8; 32]>::from(Sha256::digest(&picture)));
}

#[actix_rt::test]
async fn a_repeat_beside_its_original_is_told_to_wait() {
    let world = world();
    let picture = pictures::jpeg(16, 16);
    let (sender, first) = upload_by_hand();
    let key = || Some(IdempotencyKey::parse("key").unwrap());
    let ask = world.photos.ask::<Load>();
    let first = ask.ask(Load { owner: world.owner, upload: first, idempotency: key() });
    let second = async {
        sender.send(Ok(Bytes::from(picture.clone()))).await.unwrap();
        let refused = ask.ask(Load { owner: world.owner, upload: upload(&picture), idempotency: key() }).await;
        drop(sender);
        refused
    };

    let (first, second) = tokio::join!(first, second);

    assert!(matches!(second, Err(Error::KeyInProgress)));
    assert_eq!(world.load_under(Some("key"), &picture).await.unwrap(), first.unwrap());
}

#[actix_rt::test]
async fn of_two_nodes_that_take_the_same_upload_in_the_first_wins() {
    let world = world();
    let picture = pictures::jpeg(16, 16);
    world.load_under(Some("another"), &picture).await.unwrap();
    let fingerprint = world.fingerprint("another");
    let owner = world.owner;
    *world.store.meanwhile.lock().unwrap() = Some(Box::new(move |rows, photo| {
        let elsewhere = portico_photo::Photo { id: portico_photo::PhotoId::new(), width: 99, ..photo.clone() };
        let remembered = Remembered { photo: elsewhere.id, fingerprint };
        rows.keys.insert((owner, "key".into()), (elsewhere.created_at, remembered));
        rows.photos.insert(elsewhere.id, elsewhere);
    }));

    let photo = world.load_under(Some("key"), &picture).await.unwrap();

    assert_eq!(photo.width, 99);
    until("this node's own being gone", || world.content.kept.lock().unwrap().len() == 2).await;
}

#[actix_rt::test]
async fn a_photo_that_was_deleted_is_not_brought_back_by_a_repeat() {
    let world = world();
    let picture = pictures::jpeg(16, 16);
    let photo = world.load_under(Some("key"), &picture).await.unwrap();
    let delete = portico_photo::Delete { owner: world.owner, photo: photo.id };
    world.photos.ask().ask(delete).await.unwrap();

    let again = world.load_under(Some("key"), &picture).await;

    assert!(matches!(again, Err(Error::Unknown)));
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn what_a_crash_left_in_the_staging_directory_is_gone_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("half an upload"), b"private").unwrap();
    std::fs::create_dir(dir.path().join("lost+found")).unwrap(); // of a file system that is mounted there

    Staging::open(dir.path()).unwrap();

    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lost+found"]);
}

#[actix_rt::test]
async fn a_picture_above_the_pixel_limit_is_the_clients_fault() {
    let world = world_with(|parts| parts.limits = Limits { pixels_max: 255, ..LIMITS });

    let refused = world.load(&pictures::jpeg(16, 16)).await.unwrap_err();

    assert_eq!((refused.code(), refused.fields()[0].code), ("invalid_field", "too_many_pixels"));
    world.until_nothing_is_left().await;
}
