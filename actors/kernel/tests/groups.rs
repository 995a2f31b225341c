//! Who shares the fate of a child that crashed, in which order, and what happens when a crash follows a crash.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use portico_kernel::{Callee as _, Deadline, Intensity, Ref, State, Strategy, Supervisor, testkit::until};

mod support;
use support::{Do, Victim, World, add, root, spec};

/// Three victims in a row, whose worlds share one log.
struct Trio {
    worlds: [World; 3],
    refs: [Ref<Victim>; 3],
}

impl Trio {
    fn under(supervisor: &Supervisor) -> Self {
        let first = World::named("a");
        let worlds = ["a", "b", "c"].map(|name| World { log: first.log.clone(), ..World::named(name) });
        let refs = std::array::from_fn(|index| add(supervisor, spec(worlds[index].name), &worlds[index]));
        Self { worlds, refs }
    }

    async fn started(strategy: Strategy) -> Self {
        let trio = Self::under(&root(strategy));
        trio.worlds[0].log.wait_for(3).await;
        assert_eq!(trio.worlds[0].log.take(), ["a started", "b started", "c started"]);
        trio
    }

    async fn crash(&self, index: usize) {
        let _crashed = self.refs[index].ask::<Do>().ask(Do::PanicInHandler).await;
    }

    async fn log(&self, count: usize) -> Vec<String> {
        self.worlds[0].log.wait_for(count).await
    }
}

#[actix::test]
async fn one_for_one_leaves_the_others_alone() {
    let trio = Trio::started(Strategy::OneForOne).await;

    trio.crash(1).await;

    assert_eq!(trio.log(1).await, ["b started"]);
    assert_eq!(trio.refs[0].snapshot().incarnation, 1);
    assert_eq!(trio.refs[2].snapshot().incarnation, 1);
}

#[actix::test]
async fn one_for_all_stops_in_reverse_and_starts_forward() {
    let trio = Trio::started(Strategy::OneForAll).await;

    trio.crash(1).await;

    assert_eq!(trio.log(5).await, ["c stopped", "a stopped", "a started", "b started", "c started"]);
    assert_eq!(trio.refs[2].snapshot().restarts.sibling, 1);
    assert_eq!(trio.refs[1].snapshot().restarts.panic, 1);
}

#[actix::test]
async fn rest_for_one_takes_only_those_behind_along() {
    let trio = Trio::started(Strategy::RestForOne).await;

    trio.crash(1).await;

    assert_eq!(trio.log(3).await, ["c stopped", "b started", "c started"]);
    assert_eq!(trio.refs[0].snapshot().incarnation, 1);
}

#[actix::test]
async fn a_crash_during_a_group_restart_begins_the_group_anew() {
    let trio = Trio::started(Strategy::OneForAll).await;
    trio.worlds[1].started_panics.store(1, Ordering::SeqCst);

    trio.crash(2).await;

    let log = trio.log(7).await;
    assert_eq!(log[..3], ["b stopped", "a stopped", "a started"], "then b panics in started");
    assert_eq!(log[3..], ["a stopped", "a started", "b started", "c started"]);
    assert_eq!(trio.refs[1].snapshot().restarts.panic, 1);
}

#[actix::test]
async fn a_crash_during_a_rest_for_one_restart_spares_those_in_front() {
    let trio = Trio::started(Strategy::RestForOne).await;
    trio.worlds[1].factory_panics.store(2, Ordering::SeqCst);

    trio.crash(0).await;

    assert_eq!(trio.log(5).await, ["c stopped", "b stopped", "a started", "b started", "c started"]);
    assert_eq!(trio.refs[0].snapshot().incarnation, 2, "b's crashes did not touch a");
}

#[actix::test]
async fn a_sibling_that_panics_while_it_is_stopped_returns_with_its_group() {
    let supervisor = root(Strategy::OneForAll);
    let first = World::named("a");
    let [stopping, stopped, last] = ["b", "c", "d"].map(|name| World { log: first.log.clone(), ..World::named(name) });
    stopping.stopping_panics.store(1, Ordering::SeqCst);
    let stopped = World { stopped_panics: true, ..stopped };
    let refs = [&first, &stopping, &stopped, &last].map(|world| add(&supervisor, spec(world.name), world));
    first.log.wait_for(4).await;
    first.log.take();

    let _crashed = refs[3].ask::<Do>().ask(Do::PanicInHandler).await;

    let log = first.log.wait_for(6).await;
    assert_eq!(log[..2], ["c stopped", "a stopped"], "b panicked before it could note that");
    assert_eq!(log[2..], ["a started", "b started", "c started", "d started"]);
    let restarts = refs.each_ref().map(|victim| victim.snapshot().restarts);
    assert_eq!(restarts.map(|restarts| restarts.sibling), [1, 1, 1, 0]);
    assert_eq!(restarts.map(|restarts| restarts.total()), [1; 4], "no panic counted twice");
}

#[actix::test]
async fn a_sibling_that_hangs_while_it_is_stopped_does_not_hold_up_its_group_for_ever() {
    tokio::time::pause();
    let supervisor = root(Strategy::OneForAll);
    let hanging = World::named("a");
    let last = World { log: hanging.log.clone(), ..World::named("b") };
    let first = add(&supervisor, spec("a").on("hanging"), &hanging);
    let second = add(&supervisor, spec("b"), &last);
    until("the start", || hanging.log.seen().len() == 2).await;
    let held = actix::spawn(first.call(Do::Hang, Deadline::within(Duration::from_hours(1))));
    until("the blockage", || hanging.begun() == 1).await;

    let _crashed = second.ask::<Do>().ask(Do::PanicInHandler).await;
    // Paused time moves on while nothing else happens: past what stopping may take, not past what starting may take.
    tokio::time::sleep(Duration::from_secs(6)).await;
    tokio::time::resume(); // what follows waits for another thread
    assert_eq!((first.snapshot().incarnation, second.snapshot().incarnation), (2, 1), "a is tried again before b");
    hanging.gate.open();

    until("the group", || second.snapshot().state == State::Running).await;
    assert_eq!(hanging.log.seen(), ["a started", "b started", "a started", "b started"], "a had no time to stop");
    assert_eq!(first.snapshot().restarts.sibling, 1);
    assert_eq!(held.await.unwrap(), Ok(Ok(1)), "the old life finishes what it had begun");
    assert_eq!(first.ask::<Do>().ask(Do::Count).await, Ok(1), "and the new one serves");
}

#[actix::test]
async fn a_group_waits_for_started_of_each() {
    let supervisor = root(Strategy::RestForOne);
    let gate = Arc::new(support::Gate::default());
    let world = World { gate: Arc::clone(&gate), ..World::named("a") };
    let held = World { gate, ..World::named("a") };
    supervisor.supervise(spec("a").on("slow"), move || {
        support::gate_blocks(&held.gate);
        held.victim()
    });
    let last = add(&supervisor, spec("b"), &World { log: world.log.clone(), ..World::named("b") });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(last.snapshot().incarnation, 0, "b waits for a");

    world.gate.open();

    until("b's start", || last.snapshot().state == State::Running).await;
}

#[actix::test]
async fn a_supervisor_that_waits_for_a_start_does_nothing_meanwhile() {
    tokio::time::pause();
    let supervisor = root(Strategy::RestForOne);
    let world = World { waits_to_start: true, ..World::named("a") };
    let first = add(&supervisor, spec("a"), &world);
    let last = add(&supervisor, spec("b"), &World { log: world.log.clone(), ..World::named("b") });
    world.log.wait_for(1).await;

    // Paused time moves on only when no task has anything to do: a busy supervisor would hang this test.
    tokio::time::timeout(Duration::from_secs(1), world.log.wait_for(2)).await.unwrap_err();
    assert_eq!((first.snapshot().state, last.snapshot().incarnation), (State::Starting, 0));
    world.gate.open();

    assert_eq!(world.log.wait_for(2).await, ["a started", "b started"]);
    until("a's start", || first.snapshot().state == State::Running).await;
}

#[actix::test]
async fn a_branch_that_gives_up_is_started_afresh_by_its_parent() {
    let parent = root(Strategy::OneForOne);
    let branch =
        parent.branch("branch", Strategy::OneForOne, Intensity { restarts: 1, within: Duration::from_mins(1) });
    let trio = Trio::under(&branch);
    trio.log(3).await;

    trio.crash(1).await;
    until("b's second life", || trio.refs[1].snapshot().incarnation == 2).await;
    trio.crash(1).await;

    let log = trio.log(9).await;
    assert_eq!(log[3..], ["b started", "c stopped", "a stopped", "a started", "b started", "c started"]);
    let tree = parent.snapshot().root;
    assert_eq!((tree.children[0].restarts.escalated, tree.children[0].state), (1, State::Running));
    assert_eq!(tree.children[0].children.len(), 3);
}

#[actix::test]
async fn a_branch_is_a_sibling_like_any_other() {
    let parent = root(Strategy::OneForAll);
    let first = World::named("first");
    let crashing = add(&parent, spec("first"), &first);
    let branch = parent.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    let inner = World { log: first.log.clone(), ..World::named("inner") };
    add(&branch, spec("inner"), &inner);
    first.log.wait_for(2).await;

    let _crashed = crashing.ask::<Do>().ask(Do::PanicInHandler).await;

    let log = first.log.wait_for(5).await;
    assert_eq!(log[2..], ["inner stopped", "first started", "inner started"]);
}
