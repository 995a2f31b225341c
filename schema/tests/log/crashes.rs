//! What a crash leaves behind, and what becomes of it.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
};

use portico_log::{
    Head, Record, Store as _,
    testkit::{
        contract::{NOW, Subject as _},
        origin, record,
    },
};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any},
    prop_oneof,
    test_runner::{Config, TestRunner},
};
use time::Duration;

use crate::support::{World, world, world_in_memory, world_with};

/// Writes what a crash might have left at the end of a file.
fn tear(world: &World, name: &str, rest: &[u8]) {
    OpenOptions::new().append(true).open(world.path(name)).unwrap().write_all(rest).unwrap();
}

#[tokio::test]
async fn a_torn_line_is_cut_before_anything_follows_it() {
    let mut world = world();
    world.say("user", 1, NOW, "first").await;
    let torn = record("user", &origin(1), 2, NOW, "second");
    let half = &torn.line()[..torn.line().len() / 2];
    tear(&world, "user-2026-01-01.jsonl", half);

    world.reopen();
    world.append(std::slice::from_ref(&torn)).await;

    let lines = world.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1], torn.line());
}

#[tokio::test]
async fn yesterdays_file_is_mended_before_it_is_believed() {
    let mut world = world();
    world.say("user", 1, NOW, "first").await;
    let whole = world.text("user-2026-01-01.jsonl");
    tear(&world, "user-2026-01-01.jsonl", b"{\"Timestamp\":\"2026\0\0\0\0");

    world.reopen();
    world.clock.advance(Duration::DAY);
    world.say("user", 2, NOW + Duration::DAY, "second").await;

    // The file is cut and synced in one: that it is cut shows that it was not just read.
    assert_eq!(world.text("user-2026-01-01.jsonl"), whole);
    assert_eq!(world.names(), ["user-2026-01-01.jsonl", "user-2026-01-02.jsonl"]);
}

#[tokio::test]
async fn zeros_at_the_end_are_cut_however_many() {
    const MIB: usize = 1024 * 1024;
    for (zeros, garbage) in [(9 * MIB, &b""[..]), (20 * MIB, b"noise\n"), (9 * MIB, b"\n")] {
        let mut world = world();
        for sequence in 1..=3 {
            world.say("user", sequence, NOW, "before").await;
        }
        tear(&world, "user-2026-01-01.jsonl", garbage);
        tear(&world, "user-2026-01-01.jsonl", &vec![0; zeros]);
        tear(&world, "user-2026-01-01.jsonl", garbage);

        world.reopen();
        world.say("user", 3, NOW, "repeated").await;
        world.say("user", 4, NOW, "after").await;

        let lines = world.lines();
        assert_eq!(lines.len(), 4, "{zeros} zeros between {garbage:?}");
        assert!(lines.iter().all(|line| Head::parse(line).is_ok()));
    }
}

#[tokio::test]
async fn a_line_that_lies_across_two_looks_is_found() {
    let mut world = world_with(|settings| settings.rotate_bytes = u64::MAX);
    let body = "x".repeat(3 * 1024 * 1024);
    for sequence in 1..=2 {
        world.say("user", sequence, NOW, &body).await;
    }
    let length = world.text("user-2026-01-01.jsonl").len();
    // The second record begins within the last 8 MiB, or just before them, or lies before them whole.
    for zeros in [5 * 1024 * 1024, 5 * 1024 * 1024 + 1_000_000, 8 * 1024 * 1024] {
        tear(&world, "user-2026-01-01.jsonl", &vec![0; zeros]);

        world.reopen();
        world.say("user", 2, NOW, "repeated").await;

        assert_eq!(world.text("user-2026-01-01.jsonl").len(), length, "{zeros} zeros");
    }
}

#[tokio::test]
async fn what_several_runs_said_is_known_however_many_small_files_it_lies_in() {
    let mut world = world_with(|settings| settings.rotate_bytes = 2_000);
    let said = |run: u128| (1..=20).map(move |sequence| record("user", &origin(run), sequence, NOW, "hello"));
    let records: Vec<_> = (1..=3).flat_map(said).collect();
    world.append(&records).await;
    let (files, lines) = (world.names().len(), world.lines());

    world.reopen();
    world.append(&records).await;

    assert!(files > 6, "each run lies in two files and more: {files}");
    assert_eq!(world.lines(), lines);
}

#[tokio::test]
async fn a_torn_line_of_yesterday_is_cut_before_the_file_is_compressed() {
    let mut world = world();
    world.say("user", 1, NOW, "first").await;
    tear(&world, "user-2026-01-01.jsonl", b"{\"Timestamp\":\"2026\0\0\0\0");

    world.reopen();
    world.clock.advance(Duration::DAY);
    world.files.tend().await.unwrap();

    assert_eq!(world.names(), ["user-2026-01-01.jsonl.gz"]);
    assert_eq!(world.lines().len(), 1);
}

#[tokio::test]
async fn a_crash_while_compressing_is_put_right() {
    let mut world = world();
    for (sequence, service) in [(1, "user"), (2, "photo")] {
        world.say(service, sequence, NOW, "hello").await;
    }
    world.clock.advance(Duration::DAY);
    world.files.tend().await.unwrap();
    let (whole, before) = (world.text("user-2026-01-01.jsonl.gz"), world.lines());
    fs::write(world.path("user-2026-01-01.jsonl"), whole).unwrap(); // renamed, but not yet removed
    fs::rename(world.path("photo-2026-01-01.jsonl.gz"), world.path("photo-2026-01-01.jsonl.gz.tmp")).unwrap();
    fs::write(world.path("photo-2026-01-01.jsonl"), &before[0]).unwrap(); // not yet renamed

    world.reopen();
    world.files.tend().await.unwrap();

    assert_eq!(world.names(), ["photo-2026-01-01.jsonl.gz", "user-2026-01-01.jsonl.gz"]);
    assert_eq!(world.lines(), before);
}

#[tokio::test]
async fn a_repetition_is_known_when_a_crash_follows_a_rotation() {
    let mut world = world_with(|settings| settings.rotate_bytes = 1);
    let records: Vec<_> = (1..=4).map(|sequence| record("user", &origin(1), sequence, NOW, "hello")).collect();
    world.append(&records).await;
    world.files.tend().await.unwrap();

    world.reopen();
    world.clock.advance(Duration::DAY);
    world.files.tend().await.unwrap();
    world.append(&records).await;

    assert_eq!(world.lines().len(), 4);
}

#[derive(Debug, Clone)]
enum Step {
    /// Offers so many more records of a service, and repeats so many that it has.
    Append { service: usize, more: u64, again: u64 },
    /// The process dies, perhaps in the middle of a line.
    Crash { service: usize, torn: Vec<u8> },
    /// Time passes, and what is due is done.
    Tend { hours: i64 },
}

const SERVICES: [&str; 3] = ["user", "photo", "log"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..20_u64, 0..20_u64).prop_map(|(service, more, again)| Step::Append { service, more, again }),
        1 => (0..3_usize, vec(any::<u8>(), 0..400)).prop_map(|(service, torn)| Step::Crash { service, torn }),
        1 => prop_oneof![Just(0), Just(13), Just(25)].prop_map(|hours| Step::Tend { hours }),
    ]
}

#[test]
fn whatever_happens_each_accepted_record_stands_once_and_each_line_is_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(48) });

    let outcome = runner.run(&vec(step(), 1..25), |steps| {
        let mut world = world_in_memory(|settings| settings.rotate_bytes = 2_000);
        let mut accepted: [Vec<Record>; 3] = Default::default();
        for step in steps {
            runtime.block_on(play(&mut world, &mut accepted, step));
        }
        // A torn line is cut when its file is written to or closed; a day later every file has been.
        runtime.block_on(play(&mut world, &mut accepted, Step::Tend { hours: 25 }));
        let mut expected: Vec<_> = accepted.iter().flatten().map(|record| record.line().to_vec()).collect();
        let mut found = world.lines();
        assert!(found.iter().all(|line| Head::parse(line).is_ok()));
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        Ok(())
    });

    outcome.unwrap();
}

async fn play(world: &mut World, accepted: &mut [Vec<Record>; 3], step: Step) {
    match step {
        Step::Append { service, more, again } => {
            let known = accepted[service].len() as u64;
            let (time, run) = (portico_kernel::Clock::now(&world.clock), origin(1));
            let new =
                (known + 1..=known + more).map(|sequence| record(SERVICES[service], &run, sequence, time, "hello"));
            accepted[service].extend(new);
            let from = known.saturating_sub(again);
            world.append(&accepted[service][usize::try_from(from).unwrap()..]).await;
        }
        Step::Crash { service, mut torn } => {
            let own = |name: &String| name.starts_with(SERVICES[service]) && name.ends_with(".jsonl");
            torn.retain(|byte| *byte != b'\n');
            for name in world.names().iter().filter(|name| own(name)) {
                tear(world, name, &torn);
            }
            world.reopen();
        }
        Step::Tend { hours } => {
            world.clock.advance(Duration::hours(hours));
            world.files.tend().await.unwrap();
        }
    }
}
