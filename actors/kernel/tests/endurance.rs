//! Ten thousand restarts leave nothing behind. Alone in its binary, so that nobody else's memory is measured.

use std::{
    fs,
    time::{Duration, Instant},
};

use portico_kernel::{Ask, Backoff, Intensity, Spec, Strategy, Supervisor, testkit::until};

mod support;
use support::{Do, World, add};

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory_kib: usize,
    threads: usize,
    files: usize,
}

fn held() -> Held {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let figure = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    Held { memory_kib: figure("VmRSS:"), threads: figure("Threads:"), files }
}

/// What this process holds once it has no more than `threads`: one that was told to end takes a moment.
async fn settled(threads: usize) -> Held {
    until("the end of threads that were told to", || held().threads <= threads).await;
    held()
}

async fn die_and_return(mortal: &Ask<Do>) {
    let since = Instant::now();
    let _thread = mortal.ask(Do::KillArbiter).await;
    while mortal.ask(Do::Count).await != Ok(1) {
        assert!(since.elapsed() < Duration::from_mins(1), "nothing came back");
    }
}

#[actix::test]
async fn ten_thousand_restarts_leave_memory_threads_and_files_as_they_were() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::UNLIMITED);
    let world = World { forgets: true, ..World::default() };
    let victim = add(&root, Spec::new("victim").on("restarted").backoff(Backoff::NONE), &world);
    let mortal = add(&root, Spec::new("mortal").on("mortal").backoff(Backoff::NONE), &world);
    let (ask, die) = (victim.ask::<Do>(), mortal.ask::<Do>());
    assert_eq!((ask.ask(Do::Count).await, die.ask(Do::Count).await), (Ok(1), Ok(1)));
    let threads = held().threads; // all that are needed run by now
    for round in 0..500 {
        let _crashed = ask.ask(Do::PanicInHandler).await;
        let _warm = die.ask(Do::PanicInHandler).await;
        if round % 50 == 0 {
            die_and_return(&die).await;
        }
    }
    let before = settled(threads).await;

    for round in 0..10_000 {
        let order = [Do::PanicInHandler, Do::PanicInHandlerAndDrop, Do::Stop][round % 3];
        let _crashed = ask.ask(order).await;
        if round % 100 == 0 {
            die_and_return(&die).await;
        }
    }

    assert_eq!(ask.ask(Do::Count).await, Ok(1));
    let after = settled(threads).await;
    println!("before: {before:?}, after 10,000 restarts: {after:?}");
    assert!(victim.snapshot().restarts.total() >= 10_000, "{:?}", victim.snapshot().restarts);
    assert!(mortal.snapshot().restarts.arbiter >= 100, "{:?}", mortal.snapshot().restarts);
    assert!(after.memory_kib < before.memory_kib + 4096, "memory grew: {before:?}, {after:?}");
    assert!(after.files <= before.files, "files were left open: {before:?}, {after:?}");
}
