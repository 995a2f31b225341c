//! The spool: what waits in it, what leaves it, and what a crash makes of both.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
    sync::Arc,
};

use portico_kernel::StoreError;
use portico_log::{
    Record, Spool as _, Store,
    testkit::{
        contract::{self, NOW, Subject},
        origin, record,
    },
};
use portico_schema::log::SpoolFiles;
use tempfile::TempDir;

const MIB: u64 = 1024 * 1024;

struct World {
    spool: SpoolFiles,
    dir: TempDir,
    bytes_max: u64,
}

fn world() -> World {
    world_of(64 * MIB)
}

fn world_of(bytes_max: u64) -> World {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    World { spool: SpoolFiles::open(dir.path().to_owned(), bytes_max).unwrap(), dir, bytes_max }
}

impl World {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        self.spool.append(records.into()).await
    }

    /// Carries all that waits, and tells what it was.
    async fn carry(&self) -> Vec<Record> {
        let mut carried = Vec::new();
        loop {
            let waiting = self.spool.oldest().await.unwrap();
            if waiting.records.is_empty() {
                return carried;
            }
            carried.extend(waiting.records);
            self.spool.forget(waiting.end).await.unwrap();
        }
    }

    fn reopen(&mut self) {
        self.spool = SpoolFiles::open(self.dir.path().to_owned(), self.bytes_max).unwrap();
    }

    /// Its files, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).collect();
        files.sort();
        files
    }
}

impl Subject for World {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.spool.clone())
    }

    fn crash(&mut self) {
        self.reopen();
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let text: Vec<u8> = self.files().iter().flat_map(|path| fs::read(path).unwrap()).collect();
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }
}

/// Records of `bytes` each, and some more.
fn records(sequences: std::ops::RangeInclusive<u64>, bytes: usize) -> Vec<Record> {
    let (run, body) = (origin(1), "x".repeat(bytes));
    sequences.map(|sequence| record("user", &run, sequence, NOW, &body)).collect()
}

#[tokio::test]
async fn the_spool_holds_the_contract_of_the_store() {
    contract::hold(world).await;
}

#[tokio::test]
async fn records_leave_in_the_order_in_which_they_came_and_once() {
    let world = world();
    let all = records(1..=300, 100_000); // 30 MB: four files, and many answers
    for batch in all.chunks(7) {
        world.append(batch).await.unwrap();
    }

    let (files, bytes) = (world.files().len(), world.spool.bytes());
    let carried = world.carry().await;

    assert!(files >= 4 && bytes > 30_000_000, "{files} files, {bytes} bytes");
    assert_eq!(carried, all);
    assert_eq!((world.files().len(), world.spool.bytes()), (1, 0), "what was carried is deleted");
    assert!(world.carry().await.is_empty());
}

#[tokio::test]
async fn what_was_not_forgotten_is_given_out_again_after_a_crash() {
    let mut world = world();
    let all = records(1..=40, 100_000);
    world.append(&all).await.unwrap();
    let first = world.spool.oldest().await.unwrap();
    world.spool.forget(first.end).await.unwrap();
    let second = world.spool.oldest().await.unwrap();

    world.reopen();
    let carried = world.carry().await;

    let forgotten = first.records.len();
    assert!(forgotten > 0 && !second.records.is_empty() && forgotten + second.records.len() < 40);
    assert_eq!(carried, all[forgotten..]);
}

#[tokio::test]
async fn a_lost_note_of_what_was_carried_repeats_records_and_loses_none() {
    let mut world = world();
    let all = records(1..=5, 100);
    world.append(&all).await.unwrap();
    world.carry().await;
    for damage in [&b""[..], b"1", b"1 \0\0\0", b"99999"] {
        fs::write(world.dir.path().join("sent"), damage).unwrap();

        world.reopen();

        assert_eq!(world.carry().await, all, "{damage:?}");
    }
}

#[tokio::test]
async fn a_line_that_a_crash_tore_is_cut_before_anything_follows_it() {
    let mut world = world();
    let all = records(1..=3, 100);
    world.append(&all[..2]).await.unwrap();
    let torn = &all[2].line()[..all[2].line().len() / 2];
    OpenOptions::new().append(true).open(&world.files()[0]).unwrap().write_all(torn).unwrap();

    world.reopen();
    world.append(&all[2..]).await.unwrap();

    assert_eq!(world.carry().await, all);
}

#[tokio::test]
async fn a_damaged_record_holds_up_none_of_the_others() {
    let world = world();
    let all = records(1..=3, 100);
    world.append(&all).await.unwrap();
    let mut text = fs::read(&world.files()[0]).unwrap();
    let second = all[0].line().len();
    text[second..second + 10].fill(b'?');
    fs::write(&world.files()[0], text).unwrap();

    let carried = world.carry().await;

    assert_eq!(carried, [all[0].clone(), all[2].clone()]);
}

#[tokio::test]
async fn past_the_bound_the_newest_are_refused_and_readiness_says_so_until_there_is_room() {
    let world = world_of(MIB);
    let all = records(1..=30, 100_000);
    let (fitting, more) = all.split_at(10);
    world.append(fitting).await.unwrap();

    let refused = world.append(&more[..1]).await;
    let unready = world.spool.check().await;
    let carried = world.carry().await;
    let ready = world.spool.check().await;
    world.append(&more[..1]).await.unwrap();

    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert!(matches!(unready, Err(StoreError::Full(_))), "{unready:?}");
    assert_eq!(carried, fitting, "nothing that was taken gives way");
    ready.unwrap();
    assert_eq!(world.carry().await, more[..1]);
}

#[tokio::test]
async fn a_spool_that_is_filling_is_ready() {
    let world = world_of(MIB);

    world.append(&records(1..=10, 100_000)).await.unwrap();

    world.spool.check().await.unwrap();
}

#[tokio::test]
async fn whoever_waits_is_woken_by_what_is_appended() {
    let world = world();
    let spool = world.spool.clone();
    let woken = tokio::spawn(async move { spool.appended().await });

    world.append(&records(1..=1, 100)).await.unwrap();

    woken.await.unwrap();
}
