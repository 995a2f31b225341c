//! Which file a record goes to, and what becomes of the file.

use std::{fs, os::unix::fs::PermissionsExt as _};

use futures_util::future::join_all;
use portico_kernel::StoreError;
use portico_log::{
    Store as _,
    testkit::{
        contract::{NOW, Subject as _, hold},
        origin, record,
    },
};
use time::Duration;

use crate::support::{world, world_with};

#[tokio::test]
async fn files_hold_the_contract_of_the_store() {
    hold(world).await;
}

#[tokio::test]
async fn files_hold_the_contract_when_each_record_rotates() {
    hold(|| world_with(|settings| settings.rotate_bytes = 1)).await;
}

#[tokio::test]
async fn each_service_has_a_file_for_each_day() {
    let world = world();
    let tomorrow = NOW + Duration::DAY;
    world.append(&[record("user", &origin(1), 1, NOW, "a"), record("photo", &origin(1), 2, NOW, "b")]).await;

    world.clock.set(tomorrow);
    world.append(&[record("user", &origin(1), 3, NOW, "late"), record("user", &origin(1), 4, tomorrow, "c")]).await;
    world.say("user", 5, NOW, "later still").await;

    assert_eq!(world.names(), ["photo-2026-01-01.jsonl", "user-2026-01-01.jsonl", "user-2026-01-02.jsonl"]);
    assert_eq!(world.text("user-2026-01-02.jsonl").split(|byte| *byte == b'\n').count(), 3);
}

#[tokio::test]
async fn a_record_from_tomorrow_goes_to_todays_file() {
    let world = world();

    world.say("user", 1, NOW + Duration::days(9_999), "from afar").await;

    assert_eq!(world.names(), ["user-2026-01-01.jsonl"]);
}

#[tokio::test]
async fn a_file_that_would_grow_past_its_size_is_closed_and_compressed() {
    let records: Vec<_> = (1..=10).map(|sequence| record("user", &origin(1), sequence, NOW, "hello")).collect();
    let three = 3 * records[0].line().len();
    let world = world_with(|settings| settings.rotate_bytes = three as u64 + 10);

    world.append(&records).await;
    let before = world.lines();
    world.files.tend().await.unwrap();

    let closed = ["user-2026-01-01.1.jsonl.gz", "user-2026-01-01.2.jsonl.gz", "user-2026-01-01.3.jsonl"];
    assert_eq!(world.names(), [closed[0], closed[1], closed[2], "user-2026-01-01.jsonl.gz"]);
    assert_eq!(world.text(closed[0]).len(), three);
    assert_eq!(world.lines(), before);
    assert_eq!(before.len(), 10);
}

#[tokio::test]
async fn yesterdays_files_are_compressed_even_when_nothing_more_is_said() {
    let world = world();
    world.say("user", 1, NOW, "hello").await;

    world.clock.advance(Duration::DAY);
    world.files.tend().await.unwrap();
    world.say("user", 2, NOW, "late").await;

    assert_eq!(world.names(), ["user-2026-01-01.1.jsonl", "user-2026-01-01.jsonl.gz"]);
}

#[tokio::test]
async fn files_are_deleted_after_their_days() {
    let world = world_with(|settings| settings.keep_days = 2);
    for day in 0..5 {
        world.clock.set(NOW + Duration::days(day));
        world.say("user", 1 + day.unsigned_abs(), NOW + Duration::days(day), "hello").await;
    }

    world.files.tend().await.unwrap();

    assert_eq!(world.names(), ["user-2026-01-03.jsonl.gz", "user-2026-01-04.jsonl.gz", "user-2026-01-05.jsonl"]);
}

#[tokio::test]
async fn the_oldest_files_are_deleted_when_all_are_too_large() {
    let world = world_with(|settings| settings.keep_bytes = Some(1));
    for (sequence, service) in [(1, "user"), (2, "photo")] {
        world.say(service, sequence, NOW, "hello").await;
    }
    world.clock.advance(Duration::DAY);
    world.say("user", 3, NOW + Duration::DAY, "hello").await;

    world.files.tend().await.unwrap();

    assert_eq!(world.names(), ["user-2026-01-02.jsonl"]); // what is open stays
}

#[tokio::test]
async fn others_files_are_left_alone() {
    let world = world_with(|settings| settings.keep_days = 0);
    fs::write(world.path("notes-1999-01-01.txt"), "mine").unwrap();
    world.clock.advance(Duration::days(100));

    world.files.tend().await.unwrap();

    assert_eq!(world.names(), ["notes-1999-01-01.txt"]);
}

#[tokio::test]
async fn only_their_owner_may_read_the_files() {
    let world = world();
    world.say("user", 1, NOW, "hello").await;
    world.clock.advance(Duration::DAY);
    world.say("user", 2, NOW + Duration::DAY, "hello").await;

    world.files.tend().await.unwrap();

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.dir()), 0o700);
    assert_eq!(world.names().len(), 2);
    for name in world.names() {
        assert_eq!(mode(&world.path(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_directory_that_is_gone_is_an_outage_that_ends_when_it_is_back() {
    let world = world();
    fs::remove_dir(world.dir()).unwrap();
    let batch = [record("user", &origin(1), 1, NOW, "hello")];

    let refused = world.files.append(batch.as_slice().into()).await;
    let unready = world.files.check().await;
    fs::create_dir(world.dir()).unwrap();
    world.append(&batch).await;

    assert!(matches!((refused, unready), (Err(StoreError::Unavailable(_)), Err(StoreError::Unavailable(_)))));
    assert_eq!(world.lines().len(), 1);
    world.files.check().await.unwrap();
}

#[tokio::test]
async fn many_may_check_at_the_same_time() {
    let world = world();

    for _ in 0..100 {
        for checked in join_all((0..8).map(|_| world.files.check())).await {
            checked.unwrap();
        }
    }

    assert!(fs::read_dir(world.dir()).unwrap().next().is_none(), "and leave nothing behind");
}

#[tokio::test]
async fn more_services_than_open_files_are_all_kept() {
    let world = world();

    for round in 1..=2 {
        let records: Vec<_> =
            (0..100).map(|service| record(&format!("service_{service}"), &origin(1), round, NOW, "hello")).collect();
        world.append(&records).await;
        let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
        assert!(open.filter(|path| path.starts_with(world.dir())).count() <= 64);
    }

    assert_eq!((world.names().len(), world.lines().len()), (100, 200));
}
