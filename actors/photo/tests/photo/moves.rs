//! Content that is moved from one place to another, while photos are read, uploaded and deleted.

use std::{ops::Range, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use portico_kernel::{Clock as _, StoreError, UserId, testkit::until};
use portico_photo::{
    Both, ByteStream, ContentKey, ContentStore, ContentWork, Delete, Error, Left, Move, Moved, Open, Photo, PhotoId,
    Rendition, Store as _, Sweep,
};

use crate::{
    memory::MemoryContent,
    pictures,
    world::{LONG_AFTER, World, world, world_with},
};

/// A world with two places; `from` is what new content no longer goes to.
struct Places {
    world: World,
    to: Arc<MemoryContent>,
    from: Arc<MemoryContent>,
}

fn places() -> Places {
    let (to, from) = (Arc::new(MemoryContent::default()), Arc::new(MemoryContent::default()));
    let both = Both { to: to.clone(), from: from.clone() };
    let world = world_with(|parts| {
        parts.content = Arc::new(both.clone());
        parts.places = Some(both);
    });
    Places { world, to, from }
}

impl Places {
    /// A photo whose content lies where it is to be moved from.
    async fn left(&self) -> Photo {
        let photo = self.world.load(&pictures::jpeg(32, 32)).await.unwrap();
        for rendition in Rendition::ALL {
            let key = photo.key(rendition);
            let bytes = self.to.kept.lock().unwrap().remove(&key).unwrap();
            self.from.kept.lock().unwrap().insert(key, bytes);
        }
        photo
    }

    async fn step(&self, after: Option<&Photo>) -> Result<Moved, Error> {
        let after = after.map(|photo| (photo.owner, photo.id));
        self.world.photos.ask().ask(Move { after }).await
    }

    async fn read(&self, photo: &Photo) -> Result<Vec<u8>, Error> {
        let open = Open { photo: photo.clone(), rendition: Rendition::Original, range: None };
        let bytes = self.world.photos.ask().ask(open).await?.0;
        Ok(bytes.try_collect::<Vec<_>>().await?.concat())
    }

    fn backlog(&self) -> usize {
        self.world.store.backlog_now()
    }
}

#[actix_rt::test]
async fn content_is_read_from_either_place_and_new_content_goes_to_the_first() {
    let places = places();
    let (left, new) = (places.left().await, places.world.load(&pictures::jpeg(16, 16)).await.unwrap());

    assert!(!places.read(&left).await.unwrap().is_empty());
    assert!(!places.read(&new).await.unwrap().is_empty());
    assert_eq!((places.to.kept.lock().unwrap().len(), places.from.kept.lock().unwrap().len()), (2, 2));
}

#[actix_rt::test]
async fn a_photo_that_is_moved_between_two_looks_is_found() {
    let places = places();
    let photo = places.left().await;
    let (to, from) = (places.to.clone(), places.from.clone());
    *places.from.before_open.lock().unwrap() = Some(Box::new(move || {
        let moved = std::mem::take(&mut *from.kept.lock().unwrap());
        to.kept.lock().unwrap().extend(moved);
    }));

    let read = places.read(&photo).await.unwrap();

    assert_eq!(read.len() as u64, photo.size_bytes);
}

#[actix_rt::test]
async fn a_moved_photo_lies_in_the_new_place_alone_byte_for_byte() {
    let places = places();
    let photo = places.left().await;
    let before = places.read(&photo).await.unwrap();

    let moved = places.step(None).await.unwrap();

    assert_eq!((moved.moved, moved.present, moved.total, moved.left.len()), (1, 0, 1, 0));
    assert_eq!(moved.next, Some((photo.owner, photo.id)));
    assert!(places.from.is_empty());
    assert_eq!(places.to.kept.lock().unwrap().len(), 2);
    assert_eq!(places.read(&photo).await.unwrap(), before);
    assert_eq!(places.backlog(), 0);
}

#[actix_rt::test]
async fn a_second_move_goes_on_and_counts_nothing_twice() {
    let places = places();
    let photo = places.left().await;
    places.step(None).await.unwrap();

    let again = places.step(None).await.unwrap();
    let end = places.step(Some(&photo)).await.unwrap();

    assert_eq!((again.moved, again.present), (0, 1));
    assert_eq!((end.moved, end.present, end.next, end.waiting), (0, 0, None, 0));
}

#[actix_rt::test]
async fn a_move_that_was_broken_off_between_copy_and_deletion_only_deletes() {
    let places = places();
    let photo = places.left().await;
    let copied = places.from.kept.lock().unwrap().clone();
    places.to.kept.lock().unwrap().extend(copied);
    places.world.store.begin_copy(photo.owner, photo.id, time::macros::datetime!(2026-01-01 0:00 UTC)).await.unwrap();
    places.to.fail.next("put", 1);

    let moved = places.step(None).await.unwrap();

    assert_eq!((moved.moved, moved.present, moved.left.len()), (0, 1, 0));
    assert!(places.from.is_empty());
    assert_eq!(places.backlog(), 0);
}

#[actix_rt::test]
async fn a_photo_deleted_while_it_is_copied_leaves_nothing_in_either_place() {
    let places = places();
    let photo = places.left().await;
    let (store, id, owner) = (places.world.store.clone(), photo.id, photo.owner);
    *places.to.before_put.lock().unwrap() = Some(Box::new(move || {
        let mut rows = store.rows.lock().unwrap();
        rows.photos.remove(&id).unwrap();
        assert!(rows.work.contains_key(&id), "the copy of {owner} was not written down");
    }));

    let moved = places.step(None).await.unwrap();

    assert_eq!((moved.moved, moved.left.len()), (0, 0));
    until("both places being empty", || places.from.is_empty() && places.to.is_empty()).await;
    places.world.until_nothing_is_left().await;
}

#[actix_rt::test]
async fn a_photo_deleted_while_its_copier_was_killed_leaves_nothing_in_either_place() {
    let places = places();
    let photo = places.left().await;
    places.world.store.fail.next("end_copy", 1); // as if the process had ended before it
    places.step(None).await.unwrap();
    assert_eq!((places.to.kept.lock().unwrap().len(), places.backlog()), (2, 1));

    places.world.photos.ask().ask(Delete { owner: photo.owner, photo: photo.id }).await.unwrap();
    places.world.photos.ask().ask(Sweep).await.unwrap();
    assert_eq!(places.backlog(), 1, "the copy might still be made");
    places.world.clock.advance(LONG_AFTER);
    places.world.photos.ask().ask(Sweep).await.unwrap();

    assert!(places.from.is_empty() && places.to.is_empty());
    assert_eq!(places.backlog(), 0);
}

#[actix_rt::test]
async fn a_copier_that_was_killed_takes_no_content_from_a_photo_that_stays() {
    let places = places();
    let photo = places.left().await;
    places.world.store.fail.next("end_copy", 1);
    places.step(None).await.unwrap();

    places.world.clock.advance(LONG_AFTER);
    places.world.photos.ask().ask(Sweep).await.unwrap();

    assert_eq!(places.backlog(), 0);
    assert!(!places.read(&photo).await.unwrap().is_empty());
}

#[actix_rt::test]
async fn content_that_is_not_what_was_uploaded_stays_and_is_told() {
    let places = places();
    let photo = places.left().await;
    let key = photo.key(Rendition::Original);
    let altered = vec![0; usize::try_from(photo.size_bytes).unwrap()];
    places.from.kept.lock().unwrap().insert(key, Bytes::from(altered));

    let moved = places.step(None).await.unwrap();

    assert_eq!(moved.left, [(photo.id, Left::Altered)]);
    assert!(places.from.kept.lock().unwrap().contains_key(&key));
}

#[actix_rt::test]
async fn content_that_is_in_neither_place_is_told() {
    let places = places();
    let photo = places.left().await;
    places.from.kept.lock().unwrap().clear();

    let moved = places.step(None).await.unwrap();

    assert_eq!(moved.left, [(photo.id, Left::Missing)]);
}

#[actix_rt::test]
async fn a_place_that_fails_leaves_the_photo_where_it_is() {
    let places = places();
    let photo = places.left().await;
    places.to.fail.next("put", 1);

    let failed = places.step(None).await.unwrap();
    let again = places.step(None).await.unwrap();

    assert_eq!(failed.left, [(photo.id, Left::Failed)]);
    assert_eq!((again.moved + again.present, again.left.len()), (1, 0));
    assert!(places.from.is_empty());
}

#[actix_rt::test]
async fn a_new_place_that_gives_back_other_bytes_is_not_believed() {
    let (to, from) = (Arc::new(Forgetful(MemoryContent::default())), Arc::new(MemoryContent::default()));
    let both = Both { to, from: from.clone() };
    let world = world_with(|parts| {
        parts.content = from.clone();
        parts.places = Some(both);
    });
    let photo = world.load(&pictures::jpeg(32, 32)).await.unwrap();

    let moved: Moved = world.photos.ask().ask(Move { after: None }).await.unwrap();

    assert_eq!(moved.left, [(photo.id, Left::Failed)]);
    assert_eq!(from.kept.lock().unwrap().len(), 2);
}

#[actix_rt::test]
async fn content_that_still_has_to_be_deleted_is_told_at_the_end() {
    let places = places();
    let photo = places.left().await;
    places.from.fail.next("delete", 1);
    places.world.photos.ask().ask(Delete { owner: photo.owner, photo: photo.id }).await.unwrap();
    until("the attempt", || places.world.store.rows.lock().unwrap().work[&photo.id].1.attempts == 1).await;

    let end = places.step(None).await.unwrap();

    assert_eq!((end.next, end.waiting), (None, 2));
}

#[actix_rt::test]
async fn a_work_list_that_is_too_long_to_be_looked_at_is_not_taken_for_an_empty_place() {
    let places = places();
    let never_yet = places.world.clock.now() + LONG_AFTER;
    for _ in 0..1000 {
        let work = ContentWork { owner: UserId::new(), photo: PhotoId::new(), attempts: 0 };
        places.world.store.rows.lock().unwrap().work.insert(work.photo, (never_yet, work));
    }

    let end = places.step(None).await.unwrap();

    assert_eq!((end.next, end.waiting), (None, 1));
}

#[actix_rt::test]
async fn nothing_is_moved_where_content_has_one_place() {
    let moved = world().photos.ask().ask(Move { after: None }).await;

    assert!(matches!(moved, Err(Error::OnePlace)));
}

/// Gives back zeros, as many as were kept.
struct Forgetful(MemoryContent);

#[async_trait]
impl ContentStore for Forgetful {
    async fn put(&self, key: ContentKey, file: &Path) -> Result<(), StoreError> {
        self.0.put(key, file).await?;
        let mut kept = self.0.kept.lock().unwrap();
        let zeros = Bytes::from(vec![0; kept[&key].len()]);
        kept.insert(key, zeros);
        Ok(())
    }

    async fn open(&self, key: ContentKey, range: Range<u64>) -> Result<Option<ByteStream>, StoreError> {
        self.0.open(key, range).await
    }

    async fn delete(&self, key: ContentKey) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.0.check().await
    }
}
