//! Threads die, and threads hang.

use std::{fs, sync::Arc, time::Duration};

use futures_util::future::join_all;
use portico_kernel::{
    AskError, Callee as _, Deadline, Intensity, Strategy, Supervisor, Watchdog,
    testkit::{Recorder, until},
};
use tokio::time::timeout;

mod support;
use support::{Do, World, add, soon, spec, victim_as};

#[actix::test]
async fn a_thread_that_dies_under_load_costs_no_call_its_answer() {
    let world = World::default();
    let victim = victim_as(spec("victim").on("mortal").capacity(10_000), &world);

    let calls = (0..2000).map(|index| {
        let order = if index % 500 == 250 { Do::KillArbiter } else { Do::Count };
        actix::spawn(victim.call(order, soon()))
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    let failed = answers.iter().filter(|answer| answer.is_err()).count() as u64;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Ok(_)) | Err(AskError::Crashed))), "{answers:?}");
    until("an empty mailbox", || victim.snapshot().in_flight == 0).await;
    let node = victim.snapshot();
    assert_eq!((node.handled, node.crashed), (2000 - failed, failed));
    assert_eq!(world.begun(), 2000, "each ran once");
    assert!((1..=4).contains(&node.restarts.arbiter), "{node:?}");
}

#[actix::test]
async fn actors_on_one_thread_share_its_death_and_return_together() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::UNLIMITED);
    let first = add(&root, spec("first").on("shared"), &World::default());
    let second = add(&root, spec("second").on("shared"), &World::default());
    let elsewhere = add(&root, spec("elsewhere").on("other"), &World::default());
    for victim in [&first, &second, &elsewhere] {
        victim.ask::<Do>().ask(Do::Count).await.unwrap();
    }

    let _fault = first.ask::<Do>().ask(Do::KillArbiter).await;
    until("both deaths", || [&first, &second].iter().all(|victim| victim.snapshot().restarts.arbiter == 1)).await;

    assert_eq!(first.ask::<Do>().ask(Do::Count).await, Ok(1));
    assert_eq!(second.ask::<Do>().ask(Do::Count).await, Ok(1));
    assert_eq!(elsewhere.ask::<Do>().ask(Do::Count).await, Ok(2));
}

/// Whether this process has a thread of that name.
fn has_thread(name: &str) -> bool {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end while it is looked at.
    threads.flatten().any(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name))
}

#[actix::test]
async fn threads_end_once_their_tree_is_drained_and_let_go() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::UNLIMITED);
    let branch = root.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    for (supervisor, name) in [(&root, "outer"), (&branch, "inner")] {
        add(supervisor, spec(name).on(format!("{name} ends")), &World::default());
    }
    until("the start", || root.snapshot().actors().iter().all(|(_, actor)| actor.state.is_running())).await;
    assert!(has_thread("outer ends") && has_thread("inner ends"));

    assert!(root.drain(soon()).await.is_clean());
    drop((root, branch));

    until("the end of both threads", || !has_thread("outer ends") && !has_thread("inner ends")).await;
}

fn watched(abandon_most: usize) -> (Supervisor, Recorder<()>) {
    let fatal = Recorder::new();
    let watchdog = Watchdog {
        limit: Duration::from_secs(1), // long enough for a machine that is busy with other things
        abandon_most,
        fatal: Arc::new({
            let fatal = fatal.clone();
            move || fatal.record(())
        }),
    };
    (Supervisor::watched("root", Strategy::OneForOne, Intensity::UNLIMITED, watchdog), fatal)
}

#[actix::test]
async fn a_blocked_thread_is_left_behind_and_its_old_life_gets_nothing_more() {
    let (root, fatal) = watched(4);
    let world = World::default();
    let victim = add(&root, spec("victim").on("hanging").capacity(2), &world);
    let neighbour = add(&root, spec("neighbour").on("hanging"), &World::default());
    neighbour.ask::<Do>().ask(Do::Count).await.unwrap();
    let hanging = actix::spawn(victim.call(Do::Hang, Deadline::within(Duration::from_mins(1))));
    until("the blockage", || world.begun() == 1).await;

    let behind = victim.ask::<Do>().ask(Do::Count).await;

    assert_eq!(behind, Ok(1), "a fresh life on a new thread");
    assert_eq!(neighbour.ask::<Do>().ask(Do::Count).await, Ok(1), "the neighbour moved too");
    assert_eq!(victim.snapshot().restarts.blocked, 1);
    assert_eq!(victim.snapshot().in_flight, 0, "what was left behind does not fill the bound");
    world.gate.open();
    assert_eq!(hanging.await.unwrap(), Ok(Ok(1)), "the old life finishes what it had begun");
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(2), "and the new one serves");
    assert!(fatal.seen().is_empty());
}

#[actix::test]
async fn one_blocked_thread_too_many_is_fatal() {
    let (root, fatal) = watched(1);
    let world = World::default();
    let victim = add(&root, spec("victim").on("hanging"), &world);
    let ask = victim.ask::<Do>();

    let first = actix::spawn({
        let ask = ask.clone();
        async move { ask.ask(Do::Hang).await }
    });
    until("the first is left behind", || victim.snapshot().restarts.blocked == 1).await;
    assert!(fatal.seen().is_empty(), "one is borne");
    let second = actix::spawn(async move { ask.ask(Do::Hang).await });
    timeout(Duration::from_mins(1), fatal.wait_for(1)).await.expect("the second is fatal");

    world.gate.open();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(1), Ok(1)));
}
