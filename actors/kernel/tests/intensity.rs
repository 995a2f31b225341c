//! How many crashes are borne, and how waits between them grow. Time stands still but for what the tests advance.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::FutureExt as _;
use portico_kernel::{
    AskError, Backoff, Callee as _, Deadline, Intensity, Node, Ref, State, Strategy, Supervisor, testkit::until,
};
use tokio::time::{Instant, advance, pause};

mod support;
use support::{Do, DoAlone, Error, Victim, World, add, soon, spec, victim_as};

const MINUTE: Duration = Duration::from_mins(1);

/// tokio's timers end with the millisecond that follows, so that each wait takes one more.
const TIMER: u128 = 1;

async fn crash_and_return(victim: &Ref<Victim>) {
    let before = victim.snapshot().incarnation;
    let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;
    until("the next life", || victim.snapshot().incarnation > before || gone(&victim.snapshot())).await;
}

fn gone(node: &Node) -> bool {
    node.state == State::Stopped || node.state == State::Escalated
}

#[actix::test]
async fn as_many_crashes_as_allowed_are_survived_and_one_more_escalates() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity { restarts: 3, within: MINUTE });
    let victim = add(&root, spec("victim").backoff(Backoff::NONE), &World::default());

    for _ in 0..3 {
        crash_and_return(&victim).await;
        assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(1));
    }
    assert_eq!(root.escalated().now_or_never(), None, "three are borne");
    let fourth = victim.ask::<Do>().ask(Do::PanicInHandler).await;
    root.escalated().await;

    assert_eq!(fourth, Err(Error::Ask(AskError::Crashed)));
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Err(Error::Ask(AskError::Draining)));
    until("the end", || root.snapshot().root.state == State::Escalated).await;
}

#[actix::test]
async fn crashes_further_apart_than_the_window_never_escalate() {
    pause();
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity { restarts: 1, within: MINUTE });
    let victim = add(&root, spec("victim").backoff(Backoff::NONE), &World::default());

    for _ in 0..10 {
        crash_and_return(&victim).await;
        advance(MINUTE).await;
    }

    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(1));
    assert_eq!(victim.snapshot().restarts.panic, 10);
    assert_eq!(root.escalated().now_or_never(), None);
}

#[actix::test]
async fn a_crash_just_within_the_window_escalates() {
    pause();
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity { restarts: 1, within: MINUTE });
    let victim = add(&root, spec("victim").backoff(Backoff::NONE), &World::default());
    crash_and_return(&victim).await;
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(1));

    advance(Duration::from_millis(59_999)).await;
    let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;

    until("the escalation", || root.escalated().now_or_never().is_some()).await;
}

#[actix::test]
async fn a_root_that_gives_up_lets_the_others_finish_what_they_accepted() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::NONE);
    let world = World::named("other");
    let other = add(&root, spec("other"), &world);
    let victim = add(&root, spec("victim"), &World::default());
    let alone = actix::spawn(other.call(DoAlone::Count, soon()));
    until("work", || world.begun() == 1).await;
    let behind = actix::spawn(other.call(Do::Count, soon()));
    until("a call behind", || other.snapshot().depth == 1).await;

    let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;
    root.escalated().await;
    let refused = other.call(Do::Count, soon()).await;
    let drained = actix::spawn({
        let root = root.clone();
        async move { root.drain(soon()).await }
    });
    world.gate.open();

    assert_eq!(refused, Err(AskError::Draining));
    assert_eq!((alone.await.unwrap(), behind.await.unwrap()), (Ok(Ok(1)), Ok(Ok(2))));
    let drained = drained.await.unwrap();
    assert_eq!((&drained.finished[..], &*drained.cut[0].path), (&["other".to_owned()][..], "victim"));
    assert_eq!(world.log.seen(), ["other started", "other stopped"]);
    assert_eq!(root.snapshot().root.state, State::Escalated);
}

#[actix::test]
async fn a_root_that_gives_up_does_not_wait_for_ever() {
    pause();
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::NONE);
    let world = World::default();
    let stuck = add(&root, spec("stuck"), &world);
    let victim = add(&root, spec("victim"), &World::default());
    let held = actix::spawn(stuck.call(DoAlone::Count, Deadline::within(60 * MINUTE)));
    until("work", || world.begun() == 1).await;
    let begun = Instant::now();

    let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;

    assert_eq!(held.await.unwrap(), Err(AskError::Crashed), "it was cut off");
    assert!(begun.elapsed() <= MINUTE, "{:?}", begun.elapsed());
    until("the end", || root.snapshot().root.state == State::Escalated).await;
}

#[actix::test]
async fn giving_up_stops_the_others_in_reverse_and_passes_from_parent_to_parent() {
    let once = Intensity { restarts: 0, within: MINUTE };
    let root = Supervisor::root("root", Strategy::OneForOne, once);
    let world = World::named("first");
    add(&root, spec("first"), &world);
    let branch = root.branch("branch", Strategy::OneForOne, once);
    add(&branch, spec("second"), &World { log: world.log.clone(), ..World::named("second") });
    let victim = add(&branch, spec("victim"), &World { log: world.log.clone(), ..World::named("victim") });
    world.log.wait_for(3).await;

    let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;
    root.escalated().await;

    assert_eq!(world.log.wait_for(5).await[3..], ["second stopped", "first stopped"]);
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Err(Error::Ask(AskError::Draining)));
}

/// How long each wait was, for crashes that follow each other at once.
async fn waits(victim: &Ref<Victim>, world: &World, count: usize) -> Vec<u128> {
    let mut waits = Vec::new();
    for _ in 0..count {
        let lives = world.log.seen().len();
        let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;
        let since = Instant::now();
        world.log.wait_for(lives + 1).await; // nothing else is to do: paused time jumps to the next timer
        waits.push(since.elapsed().as_millis() - TIMER);
    }
    waits
}

const GROWING: Backoff =
    Backoff { first: Duration::from_millis(100), most: Duration::from_secs(1), jitter: 0.0, healthy: MINUTE };

#[actix::test]
async fn waits_double_up_to_a_cap_and_begin_anew_after_a_healthy_life() {
    pause();
    let world = World::default();
    let victim = victim_as(spec("victim").backoff(GROWING), &world);
    world.log.wait_for(1).await;

    let growing = waits(&victim, &world, 6).await;
    advance(MINUTE).await;
    let again = waits(&victim, &world, 2).await;

    assert_eq!(growing, [100, 200, 400, 800, 1000, 1000]);
    assert_eq!(again, [100, 200]);
}

#[actix::test]
async fn chance_shortens_waits_and_never_lengthens_them() {
    pause();
    let world = World::default();
    let jittered = Backoff { most: GROWING.first, jitter: 0.5, ..GROWING };
    let victim = victim_as(spec("victim").backoff(jittered), &world);
    world.log.wait_for(1).await;

    let waits = waits(&victim, &world, 40).await;

    assert!(waits.iter().all(|wait| (50..=100).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
}

#[actix::test]
async fn a_factory_that_keeps_failing_waits_longer_and_longer() {
    pause();
    let world = World::default();
    world.factory_panics.store(3, Ordering::SeqCst);
    let begun = Instant::now();

    victim_as(spec("victim").backoff(GROWING), &world);
    world.log.wait_for(1).await;

    assert_eq!(begun.elapsed().as_millis() - 3 * TIMER, 100 + 200 + 400);
}

#[actix::test]
async fn a_call_that_cannot_wait_for_the_next_life_is_refused_at_once() {
    pause();
    let world = World::default();
    let victim = victim_as(spec("victim").backoff(GROWING), &world);
    let _crashed = victim.ask::<Do>().ask(Do::PanicInHandler).await;
    until("the backoff", || victim.snapshot().state == State::Backoff).await;
    let since = Instant::now();

    let short = victim.ask::<Do>().timeout(Duration::from_millis(99)).ask(Do::Count).await;

    assert_eq!(short, Err(Error::Ask(AskError::Unavailable)));
    assert_eq!(since.elapsed(), Duration::ZERO);
    assert_eq!(victim.ask::<Do>().timeout(Duration::from_millis(150)).ask(Do::Count).await, Ok(1), "this one can wait");
    assert_eq!(world.begun(), 2, "the refused call never ran");
}

#[actix::test]
async fn calls_that_waited_already_are_refused_when_the_next_life_comes_too_late_for_them() {
    pause();
    let world = World::default();
    let victim = victim_as(spec("victim").backoff(GROWING), &world);
    let ask = victim.ask::<Do>().timeout(Duration::from_millis(50));
    let since = Instant::now();

    let (crashed, behind) =
        Deadline::within(MINUTE).scope(async { tokio::join!(ask.ask(Do::PanicInHandler), ask.ask(Do::Count)) }).await;

    assert_eq!(crashed, Err(Error::Ask(AskError::Crashed)));
    assert_eq!(behind, Err(Error::Ask(AskError::Unavailable)));
    assert_eq!(since.elapsed(), Duration::ZERO, "it did not wait for its deadline");
    assert_eq!(world.begun(), 1);
}
