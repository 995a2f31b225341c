//! Orderly shutdown.

use std::time::Duration;

use portico_kernel::{
    AskError, Backoff, Callee as _, CutBecause, Deadline, Intensity, State, Strategy, Supervisor, testkit::until,
};
use tokio::time::{Instant, pause};

mod support;
use support::{Do, DoAlone, Error, World, add, root, soon, spec};

const SECOND: Duration = Duration::from_secs(1);

#[actix::test]
async fn a_drain_under_load_finishes_what_was_accepted_and_refuses_the_rest() {
    let root = root(Strategy::OneForOne);
    let world = World::default();
    let victim = add(&root, spec("victim").on("drained"), &world);
    let accepted: Vec<_> = (0..100).map(|_| actix::spawn(victim.call(Do::CountLater, soon()))).collect();
    let alone = actix::spawn(victim.call(DoAlone::Count, soon()));
    until("work", || world.begun() == 101).await;
    let behind = actix::spawn(victim.call(Do::Count, soon()));
    until("a call behind", || victim.snapshot().depth == 1).await;

    let drained = actix::spawn({
        let root = root.clone();
        async move { root.drain(soon()).await }
    });
    until("the drain", || victim.snapshot().state == State::Draining).await;
    let refused = victim.call(Do::Count, soon()).await;
    world.gate.open();

    assert_eq!(refused, Err(AskError::Draining));
    for call in accepted {
        call.await.unwrap().unwrap().unwrap();
    }
    alone.await.unwrap().unwrap().unwrap();
    behind.await.unwrap().unwrap().unwrap();
    let drained = drained.await.unwrap();
    assert_eq!((drained.finished, drained.cut), (vec!["victim".to_owned()], vec![]));
    assert_eq!(world.log.seen(), ["started", "stopped"]);
    assert_eq!(victim.call(Do::Count, soon()).await, Err(AskError::Draining));
}

#[actix::test]
async fn actors_drain_in_the_reverse_order_of_their_start_and_lean_on_each_other_meanwhile() {
    let root = root(Strategy::RestForOne);
    let world = World::named("first");
    let first = add(&root, spec("first"), &world);
    let branch = root.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    let second = World { log: world.log.clone(), ..World::named("second") };
    let held = add(&branch, spec("second"), &second);
    let third = World { log: world.log.clone(), ..World::named("third") };
    add(&root, spec("third"), &third);
    world.log.wait_for(3).await;
    let held = actix::spawn(held.call(Do::CountLater, soon()));
    until("work in the second", || second.begun() == 1).await;

    let drained = actix::spawn({
        let root = root.clone();
        async move { root.drain(soon()).await }
    });
    world.log.wait_for(4).await;
    assert_eq!(first.ask::<Do>().ask(Do::Count).await, Ok(1), "its turn has not come");
    second.gate.open();

    assert_eq!(drained.await.unwrap().finished, ["third", "branch/second", "first"]);
    assert_eq!(world.log.seen()[3..], ["third stopped", "second stopped", "first stopped"]);
    assert_eq!(held.await.unwrap(), Ok(Ok(1)));
    assert_eq!(root.snapshot().root.state, State::Stopped);
}

#[actix::test]
async fn what_is_left_at_the_deadline_is_cut_off_and_reported() {
    pause();
    let root = root(Strategy::OneForOne);
    let world = World::default();
    let victim = add(&root, spec("victim"), &world);
    let concurrent = actix::spawn(victim.call(Do::CountLater, soon()));
    let alone = actix::spawn(victim.call(DoAlone::Count, soon()));
    until("work", || world.begun() == 2).await;
    let behind = actix::spawn(victim.call(Do::Count, soon()));
    until("a call behind", || victim.snapshot().depth == 1).await;
    let begun = Instant::now();

    let drained = root.drain(Deadline::within(SECOND)).await;

    assert!(begun.elapsed() < SECOND + SECOND / 10, "it took {:?}", begun.elapsed());
    assert_eq!(concurrent.await.unwrap(), Err(AskError::Crashed));
    assert_eq!(alone.await.unwrap(), Err(AskError::Crashed));
    assert_eq!(behind.await.unwrap(), Err(AskError::Draining), "it never ran");
    let [cut] = &drained.cut[..] else { panic!("{drained:?}") };
    assert_eq!((&*cut.path, cut.because, cut.queued, cut.in_flight), ("victim", CutBecause::Deadline, 1, 2));
    assert_eq!(world.begun(), 2);
}

#[actix::test]
async fn idle_actors_below_one_that_is_cut_off_still_stop_in_order() {
    pause();
    let root = root(Strategy::OneForOne);
    let [world, stuck] = ["idle", "stuck"].map(World::named);
    add(&root, spec("idle"), &world);
    let branch = root.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    add(&branch, spec("inner"), &World { log: world.log.clone(), ..World::named("inner") });
    let held = add(&root, spec("stuck"), &stuck).call(DoAlone::Count, soon());
    until("work", || stuck.begun() == 1).await;
    let begun = Instant::now();

    let drained = root.drain(Deadline::within(SECOND)).await;

    assert_eq!(held.await, Err(AskError::Crashed));
    assert_eq!(drained.finished, ["branch/inner", "idle"]);
    assert_eq!((drained.cut.len(), &*drained.cut[0].path), (1, "stuck"));
    assert_eq!(world.log.seen()[2..], ["inner stopped", "idle stopped"]);
    assert!(begun.elapsed() < SECOND + SECOND / 10, "it took {:?}", begun.elapsed());
}

#[actix::test]
async fn an_actor_that_stops_by_itself_during_a_drain_has_not_finished_what_still_runs() {
    let root = root(Strategy::OneForOne);
    let world = World::default();
    let victim = add(&root, spec("victim"), &world);
    let beside = actix::spawn(victim.call(Do::CountLater, soon()));
    until("work", || world.begun() == 1).await;
    let stop = victim.call(Do::Stop, soon());

    let drained = root.drain(soon()).await;

    assert_eq!(stop.await, Ok(Ok(2)));
    let [cut] = &drained.cut[..] else { panic!("{drained:?}") };
    assert_eq!((cut.because, cut.queued), (CutBecause::Crashed, 0));
    assert!(cut.in_flight >= 1, "{cut:?}");
    world.gate.open();
    assert_eq!(beside.await.unwrap(), Ok(Ok(1)), "it was not cut off, and nobody could know");
}

#[actix::test]
async fn a_drain_during_backoff_refuses_those_who_wait_at_once() {
    pause();
    let root = root(Strategy::OneForOne);
    let world = World::default();
    let hour = Duration::from_hours(1);
    let victim = add(&root, spec("victim").backoff(Backoff { first: hour, most: hour, ..Backoff::NONE }), &world);
    let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;
    until("the backoff", || victim.snapshot().state == State::Backoff).await;
    let waiting = actix::spawn(victim.call(Do::Count, Deadline::within(2 * hour)));
    until("a call that waits", || victim.snapshot().depth == 1).await;
    let begun = Instant::now();

    let drained = root.drain(Deadline::within(SECOND)).await;

    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(waiting.await.unwrap(), Err(AskError::Draining));
    assert_eq!((drained.cut[0].because, drained.cut[0].queued), (CutBecause::Away, 1));
    assert_eq!(world.begun(), 1);
}

#[actix::test]
async fn a_crash_during_a_drain_is_reported_and_not_restarted() {
    let root = root(Strategy::OneForOne);
    let world = World::default();
    let victim = add(&root, spec("victim"), &world);
    let ask = victim.ask::<Do>();
    let held = actix::spawn(victim.call(Do::CountLater, soon()));
    until("work", || world.begun() == 1).await;
    let late_panic = actix::spawn({
        let ask = ask.clone();
        async move { ask.ask(Do::PanicInTimer).await }
    });

    let drained = root.drain(soon()).await;

    assert_eq!(late_panic.await.unwrap(), Ok(2));
    assert_eq!(drained.cut[0].because, CutBecause::Crashed);
    assert_eq!(world.log.seen(), ["started"], "no second life");
    drop(held);
}

#[actix::test]
async fn a_thread_that_is_blocked_does_not_hold_up_a_drain() {
    let root = root(Strategy::OneForOne);
    let world = World::default();
    let victim = add(&root, spec("victim").on("blocked"), &world);
    let blocked = actix::spawn(victim.call(Do::Hang, soon()));
    until("the blockage", || world.begun() == 1).await;

    let drained = root.drain(Deadline::within(Duration::from_millis(10))).await;
    world.gate.open();

    assert_eq!((drained.cut[0].because, drained.cut[0].in_flight), (CutBecause::Hangs, 1));
    assert_eq!(blocked.await.unwrap(), Ok(Ok(1)), "what the thread does in the end still counts");
}

#[actix::test]
async fn a_drained_tree_starts_nothing_more() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::UNLIMITED);
    assert!(root.drain(soon()).await.is_clean());

    let late = add(&root, spec("late"), &World::default());

    assert_eq!(late.ask::<Do>().ask(Do::Count).await, Err(Error::Ask(AskError::Draining)));
    assert!(root.drain(soon()).await.is_clean(), "a second drain has nothing to do");
}

#[actix::test]
async fn a_branch_that_was_drained_alone_stays_down_while_its_siblings_restart() {
    let root = root(Strategy::OneForAll);
    let world = World::named("first");
    let first = add(&root, spec("first"), &world);
    let branch = root.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    let inner = add(&branch, spec("inner"), &World { log: world.log.clone(), ..World::named("inner") });
    world.log.wait_for(2).await;

    assert!(branch.drain(soon()).await.is_clean());
    let _crashed = first.ask::<Do>().ask(Do::PanicInHandler).await;

    assert_eq!(first.ask::<Do>().ask(Do::Count).await, Ok(1));
    assert_eq!(inner.ask::<Do>().ask(Do::Count).await, Err(Error::Ask(AskError::Draining)));
    assert_eq!(world.log.seen(), ["first started", "inner started", "inner stopped", "first started"]);
    assert!(root.drain(soon()).await.is_clean());
}

#[actix::test]
async fn a_branch_that_drains_by_itself_does_not_hold_up_its_siblings_restart() {
    let root = root(Strategy::OneForAll);
    let first = add(&root, spec("first"), &World::default());
    let branch = root.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    let inner_world = World::default();
    let inner = add(&branch, spec("inner"), &inner_world);
    let held = actix::spawn(inner.call(Do::CountLater, soon()));
    until("work in the branch", || inner_world.begun() == 1).await;
    let drained = actix::spawn(async move { branch.drain(soon()).await });
    until("the drain", || inner.snapshot().state == State::Draining).await;

    let _crashed = first.ask::<Do>().ask(Do::PanicInHandler).await;
    inner_world.gate.open();

    assert_eq!(first.ask::<Do>().ask(Do::Count).await, Ok(1));
    assert_eq!(held.await.unwrap(), Ok(Ok(1)));
    assert!(drained.await.unwrap().is_clean());
}

#[actix::test]
async fn a_branch_that_is_drained_while_its_parent_stops_it_does_not_hang_its_parent() {
    let root = root(Strategy::OneForAll);
    let first = add(&root, spec("first"), &World::default());
    let branch = root.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    let inner_world = World::default();
    let inner = add(&branch, spec("inner").on("slow to stop"), &inner_world);
    let held = actix::spawn(inner.call(Do::Hang, soon()));
    until("work in the branch", || inner_world.begun() == 1).await;
    let _crashed = first.ask::<Do>().ask(Do::PanicInHandler).await;
    until("the crash", || first.snapshot().state == State::Backoff).await;

    let drained = actix::spawn(async move { branch.drain(soon()).await });
    until("the drain", || root.snapshot().root.children[1].state == State::Draining).await;
    inner_world.gate.open();

    assert_eq!(first.ask::<Do>().ask(Do::Count).await, Ok(1), "the branch has stopped as it was told");
    assert_eq!(held.await.unwrap(), Ok(Ok(1)));
    drained.await.unwrap();
    assert!(root.drain(soon()).await.is_clean());
}

#[actix::test]
async fn whoever_joins_a_drain_hastens_it_and_reads_the_same_report() {
    pause();
    let root = root(Strategy::OneForOne);
    let world = World::default();
    add(&root, spec("below"), &World::default());
    let held = add(&root, spec("victim"), &world).call(DoAlone::Count, soon());
    until("work", || world.begun() == 1).await;
    let begun = Instant::now();

    let patient = root.drain(Deadline::within(60 * SECOND));
    let hasty = root.drain(Deadline::within(SECOND));
    let (patient, hasty) = tokio::join!(patient, hasty);

    assert!(begun.elapsed() < SECOND + SECOND / 10, "it took {:?}", begun.elapsed());
    assert_eq!(held.await, Err(AskError::Crashed));
    assert_eq!((&*hasty.cut[0].path, &hasty.finished[..]), ("victim", &["below".to_owned()][..]));
    assert_eq!(patient, hasty);
}

#[actix::test]
async fn a_parent_hastens_the_drain_of_a_branch_and_reports_what_became_of_it() {
    pause();
    let root = root(Strategy::OneForOne);
    add(&root, spec("below"), &World::default());
    let branch = root.branch("branch", Strategy::OneForOne, Intensity::UNLIMITED);
    let world = World::default();
    let held = add(&branch, spec("inner"), &world).call(DoAlone::Count, soon());
    until("work", || world.begun() == 1).await;
    let begun = Instant::now();

    let (alone, whole) =
        tokio::join!(branch.drain(Deadline::within(60 * SECOND)), root.drain(Deadline::within(SECOND)));

    assert!(begun.elapsed() < SECOND + SECOND / 10, "it took {:?}", begun.elapsed());
    assert_eq!(held.await, Err(AskError::Crashed));
    assert_eq!((alone.finished.len(), &*alone.cut[0].path), (0, "branch/inner"));
    assert_eq!((&whole.finished[..], &whole.cut), (&["below".to_owned()][..], &alone.cut));
}

#[actix::test]
async fn a_drain_before_the_start_still_serves_those_who_wait() {
    let root = root(Strategy::OneForOne);
    let victim = add(&root, spec("victim"), &World::default());
    let waiting = victim.call(Do::Count, soon());

    let drained = root.drain(soon()).await;

    assert_eq!(waiting.await, Ok(Ok(1)));
    assert_eq!(drained.finished, ["victim"]);
}
