//! What every store of content promises.

use std::{ops::Range, path::PathBuf};

use futures_util::{TryStreamExt as _, future::join_all};
use portico_kernel::UserId;
use portico_photo::{ContentKey, ContentStore, PhotoId, Rendition};
use tempfile::TempDir;

/// Has the contract tested over the store that `open` opens.
macro_rules! content_contract {
    ($open:path) => {
        sentences! { content over $open:
            what_was_put_is_read_back_whole_and_in_part
            renditions_are_kept_apart_and_a_later_put_replaces
            what_was_never_put_is_none
            a_deletion_is_repeatable_and_takes_only_its_own
            a_reader_reads_on_to_the_end_while_the_content_is_deleted
            a_put_that_fails_keeps_nothing
            puts_and_deletions_that_race_leave_what_was_put_last
            a_check_leaves_the_content_as_it_was
        }
    };
}

/// Bytes of which no two chunks are alike.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xFF).unwrap()).collect()
}

/// A key that nobody else has.
pub(crate) fn key(rendition: Rendition) -> ContentKey {
    ContentKey { owner: UserId::new(), photo: PhotoId::new(), rendition }
}

pub(crate) async fn put(store: &dyn ContentStore, key: ContentKey, bytes: &[u8]) {
    let (_dir, file) = file(bytes);
    store.put(key, &file).await.unwrap();
}

pub(crate) async fn read(store: &dyn ContentStore, key: ContentKey, range: Range<u64>) -> Option<Vec<u8>> {
    let stream = store.open(key, range).await.unwrap()?;
    Some(stream.try_collect::<Vec<_>>().await.unwrap().concat())
}

pub(crate) fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("upload");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

pub(crate) async fn what_was_put_is_read_back_whole_and_in_part(store: &dyn ContentStore) {
    let (key, long) = (key(Rendition::Original), bytes(1_000_000));

    put(store, key, &long).await;

    assert_eq!(read(store, key, 0..1_000_000).await.unwrap(), long);
    assert_eq!(read(store, key, 0..1).await.unwrap(), long[..1]);
    assert_eq!(read(store, key, 262_143..600_000).await.unwrap(), long[262_143..600_000]);
    assert_eq!(read(store, key, 999_999..1_000_000).await.unwrap(), long[999_999..]);
    assert!(read(store, key, 5..5).await.unwrap().is_empty());
}

pub(crate) async fn renditions_are_kept_apart_and_a_later_put_replaces(store: &dyn ContentStore) {
    let original = key(Rendition::Original);
    let thumb = ContentKey { rendition: Rendition::Thumb, ..original };

    put(store, original, b"original").await;
    put(store, thumb, b"thumb").await;
    put(store, original, b"replaced").await;

    assert_eq!(read(store, original, 0..8).await.unwrap(), b"replaced");
    assert_eq!(read(store, thumb, 0..5).await.unwrap(), b"thumb");
}

pub(crate) async fn what_was_never_put_is_none(store: &dyn ContentStore) {
    let never = key(Rendition::Original);

    assert_eq!(read(store, never, 0..1).await, None);
    assert_eq!(read(store, never, 0..0).await, None);
}

pub(crate) async fn a_deletion_is_repeatable_and_takes_only_its_own(store: &dyn ContentStore) {
    let (gone, stays) = (key(Rendition::Original), key(Rendition::Original));
    put(store, gone, b"gone").await;
    put(store, stays, b"stays").await;

    for _ in 0..2 {
        store.delete(gone).await.unwrap();
    }
    store.delete(key(Rendition::Thumb)).await.unwrap();

    assert_eq!(read(store, gone, 0..1).await, None);
    assert_eq!(read(store, stays, 0..5).await.unwrap(), b"stays");
}

pub(crate) async fn a_reader_reads_on_to_the_end_while_the_content_is_deleted(store: &dyn ContentStore) {
    let (key, long) = (key(Rendition::Original), bytes(1_000_000));
    put(store, key, &long).await;

    let stream = store.open(key, 0..1_000_000).await.unwrap().unwrap();
    store.delete(key).await.unwrap();

    assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().concat(), long);
}

pub(crate) async fn a_put_that_fails_keeps_nothing(store: &dyn ContentStore) {
    let key = key(Rendition::Original);
    let (dir, _) = file(b"");

    let failed = store.put(key, &dir.path().join("no such file")).await;

    assert!(failed.is_err());
    assert_eq!(read(store, key, 0..1).await, None);
}

pub(crate) async fn puts_and_deletions_that_race_leave_what_was_put_last(store: &dyn ContentStore) {
    let owner = UserId::new();
    let keys: Vec<_> =
        (0..8).map(|_| ContentKey { owner, photo: PhotoId::new(), rendition: Rendition::Thumb }).collect();

    join_all(keys.iter().map(|key| async {
        for _ in 0..3 {
            put(store, *key, b"first").await;
            store.delete(*key).await.unwrap();
        }
        put(store, *key, b"last").await;
    }))
    .await;

    for key in keys {
        assert_eq!(read(store, key, 0..4).await.unwrap(), b"last");
    }
}

pub(crate) async fn a_check_leaves_the_content_as_it_was(store: &dyn ContentStore) {
    let key = key(Rendition::Original);
    put(store, key, b"bytes").await;

    for _ in 0..2 {
        store.check().await.unwrap();
    }

    assert_eq!(read(store, key, 0..5).await.unwrap(), b"bytes");
}
