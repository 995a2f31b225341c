//! Photos and owners that go, with all that belongs to them.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::TryStreamExt as _;
use portico_kernel::{Blame as _, testkit::until};
use portico_photo::{ApplyUserEvent, ContentWork, Delete, Error, Get, List, Open, Photo, Rendition, Summarize, Sweep};

use crate::{
    pictures,
    world::{LONG_AFTER, World, world},
};

async fn delete(world: &World, photo: &Photo) -> Result<(), Error> {
    world.photos.ask().ask(Delete { owner: world.owner, photo: photo.id }).await
}

#[actix_rt::test]
async fn a_deleted_photo_is_unknown_and_its_content_goes() {
    let world = world();
    let photo = world.load(&pictures::jpeg(16, 16)).await.unwrap();

    delete(&world, &photo).await.unwrap();

    let again = delete(&world, &photo).await;
    let found = world.photos.ask().ask(Get { owner: world.owner, photo: photo.id }).await;
    assert!(matches!(again, Err(Error::Unknown)));
    assert!(matches!(found, Err(Error::Unknown)));
    world.until_nothing_is_left().await;
    let opened = world.photos.ask().ask(Open { photo, rendition: Rendition::Original, range: None }).await;
    assert!(matches!(opened, Err(Error::Unknown)));
}

#[actix_rt::test]
async fn anothers_photo_is_unknown() {
    let (world, other) = (world(), portico_kernel::UserId::new());
    let photo = world.load(&pictures::jpeg(16, 16)).await.unwrap();

    let found = world.photos.ask().ask(Get { owner: other, photo: photo.id }).await;

    assert!(matches!(found, Err(Error::Unknown)));
}

#[actix_rt::test]
async fn a_photo_is_read_whole_or_in_part() {
    let world = world();
    let photo = world.load(&pictures::jpeg(64, 64)).await.unwrap();
    let open = async |rendition, range| world.photos.ask().ask(Open { photo: photo.clone(), rendition, range }).await;

    let whole: Vec<_> = open(Rendition::Original, None).await.unwrap().0.try_collect().await.unwrap();
    let part: Vec<_> = open(Rendition::Thumb, Some(0..3)).await.unwrap().0.try_collect().await.unwrap();

    assert_eq!(whole.concat().len() as u64, photo.size_bytes);
    assert_eq!(part.concat(), [0xFF, 0xD8, 0xFF]);
}

#[actix_rt::test]
async fn content_that_resists_is_deleted_in_the_end() {
    let world = world();
    let photo = world.load(&pictures::jpeg(16, 16)).await.unwrap();
    world.content.fail.next("delete", 3);
    let attempts = || world.store.rows.lock().unwrap().work[&photo.id].1.attempts;

    delete(&world, &photo).await.unwrap();

    until("the first attempt", || attempts() == 1).await;
    assert_eq!(world.photos.ask().ask(Sweep).await.unwrap(), 0, "it is put off");
    assert_eq!(attempts(), 1);
    for failed in [2, 3] {
        world.clock.advance(LONG_AFTER);
        world.photos.ask().ask(Sweep).await.unwrap();
        assert_eq!(attempts(), failed);
    }
    world.clock.advance(LONG_AFTER);
    world.photos.ask().ask(Sweep).await.unwrap();
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn content_that_an_upload_takes_over_while_a_sweep_looks_at_it_stays() {
    let world = world();
    let photo = world.load(&pictures::jpeg(16, 16)).await.unwrap();
    let (owner, id) = (photo.owner, photo.id);
    let now = portico_kernel::Clock::now(&world.clock);
    let work = ContentWork { owner, photo: id, attempts: 0 };
    world.store.rows.lock().unwrap().work.insert(id, (now, work)); // its reservation, which the clock ran past
    *world.store.after_due.lock().unwrap() = Some(Box::new(move |rows| _ = rows.work.remove(&id)));

    world.photos.ask().ask(Sweep).await.unwrap();

    let opened = world.photos.ask().ask(Open { photo, rendition: Rendition::Original, range: None }).await;
    assert!(opened.is_ok(), "the content of a kept photo was deleted");
}

#[actix_rt::test]
async fn content_is_left_to_another_process_while_that_one_sweeps() {
    let world = world();
    let photo = world.load(&pictures::jpeg(16, 16)).await.unwrap();
    world.store.is_anothers_turn.store(true, Ordering::SeqCst);
    delete(&world, &photo).await.unwrap();

    world.photos.ask().ask(Sweep).await.unwrap();

    assert_eq!(world.store.rows.lock().unwrap().work[&photo.id].1.attempts, 0);
    world.store.is_anothers_turn.store(false, Ordering::SeqCst);
    world.photos.ask().ask(Sweep).await.unwrap();
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn a_work_list_that_cannot_be_read_is_swept_the_next_time() {
    let world = world();
    let photo = world.load(&pictures::jpeg(16, 16)).await.unwrap();
    world.content.fail.next("delete", 1);
    delete(&world, &photo).await.unwrap();
    until("the first attempt", || world.store.rows.lock().unwrap().work[&photo.id].1.attempts == 1).await;
    world.store.fail.next("due", u32::MAX); // for the sweeper's own sweeps, too, which may come at any time
    world.clock.advance(Duration::from_secs(5));

    let failed = world.photos.ask().ask(Sweep).await;
    world.store.fail.next("due", 0);
    let swept = world.photos.ask().ask(Sweep).await;

    assert!(matches!(failed, Err(Error::Store(_))));
    assert_eq!(swept.unwrap(), 0);
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn a_deleted_owner_takes_every_photo_along_and_stays_deleted() {
    let world = world();
    for _ in 0..2 {
        world.load(&pictures::jpeg(16, 16)).await.unwrap();
    }
    let apply = async |kind, version| world.photos.ask().ask(ApplyUserEvent(world.user_event(kind, version))).await;

    apply("user.deleted", 3).await.unwrap();
    apply("user.registered", 1).await.unwrap();
    apply("user.updated", 4).await.unwrap();

    let late = world.load(&pictures::jpeg(16, 16)).await;
    let listed = world.photos.ask().ask(List { owner: world.owner, after: None, limit: 100 }).await.unwrap();
    let summary = world.summaries.ask(Summarize { owner: world.owner }).await.unwrap();
    assert!(matches!(late, Err(Error::OwnerDeleted)));
    assert_eq!((listed.items.len(), summary.count), (0, 0));
    world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn an_event_that_cannot_be_understood_is_told_apart_from_one_that_means_nothing_here() {
    let world = world();
    let mut poison = world.user_event("user.deleted", 1);
    poison.data = serde_json::json!({ "user_id": "Ann" });

    let poison = world.photos.ask().ask(ApplyUserEvent(poison)).await.unwrap_err();
    let strange = world.photos.ask().ask(ApplyUserEvent(world.user_event("user.waved", 1))).await;

    assert_eq!(poison.code(), "bad_event");
    assert!(strange.is_ok());
}
