//! How far streams were read is kept beside the files, and outlives a crash.

use std::{collections::BTreeMap, fs};

use portico_kernel::StoreError;
use portico_log::{Offsets, Positions as _};

use crate::support::world;

fn offsets(offsets: &[(i32, i64)]) -> Offsets {
    offsets.iter().copied().collect()
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_crash_each_partition_and_stream_by_itself() {
    let mut world = world();
    for (stream, kept) in [("a", &[(0, 5), (1, 7)][..]), ("b", &[(0, 1)]), ("a", &[(1, 9)])] {
        world.files.keep(stream, &offsets(kept)).await.unwrap();
    }

    world.reopen();

    assert_eq!(world.files.of("a").await.unwrap(), offsets(&[(0, 5), (1, 9)]));
    assert_eq!(world.files.of("b").await.unwrap(), offsets(&[(0, 1)]));
    assert_eq!(world.files.of("c").await.unwrap(), BTreeMap::new());
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_beginning() {
    let world = world();
    fs::write(world.path("positions.json"), "{\"a\":{\"0\":").unwrap();

    let read = world.files.of("a").await;
    let kept = world.files.keep("a", &offsets(&[(0, 1)])).await;

    assert!(matches!(read, Err(StoreError::Broken(_))), "{read:?}");
    assert!(matches!(kept, Err(StoreError::Broken(_))), "{kept:?}");
}
