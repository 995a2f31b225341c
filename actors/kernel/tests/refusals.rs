//! What becomes of calls that never run, whatever the `Drop` of their messages does.

use std::time::Duration;

use portico_kernel::{
    AskError, Backoff, Callee as _, CutBecause, Deadline, Intensity, Strategy, Supervisor, testkit::until,
};
use tokio::time::{pause, timeout};

mod support;
use support::{Do, DoAlone, Grenade, World, add, root, soon, spec, victim_as};

const SECOND: Duration = Duration::from_secs(1);

/// A backoff that no call here waits for.
const LONG: Backoff = Backoff { first: SECOND, most: SECOND, ..Backoff::NONE };

#[actix::test]
async fn a_refusal_during_backoff_that_panics_leaves_the_supervisor_alive() {
    pause();
    let victim = victim_as(spec("victim").backoff(LONG), &World::default());
    let crashing = victim.call(Do::PanicInHandler, soon());
    let refused = victim.call(Grenade, Deadline::within(SECOND / 2));

    let (crashed, refused) = tokio::join!(crashing, refused);

    assert_eq!((crashed, refused), (Err(AskError::Crashed), Err(AskError::Unavailable)));
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(1), "the supervisor has started it again");
}

#[actix::test]
async fn a_refusal_at_the_end_of_a_drain_that_panics_is_reported_all_the_same() {
    pause();
    let root = root(Strategy::OneForOne);
    let (world, below) = (World::default(), World::default());
    add(&root, spec("below"), &below);
    let victim = add(&root, spec("victim"), &world);
    let alone = actix::spawn(victim.call(DoAlone::Count, soon()));
    until("exclusive work", || world.begun() == 1).await;
    let behind = actix::spawn(victim.call(Grenade, soon()));
    until("a call behind", || victim.snapshot().depth == 1).await;

    let drained = root.drain(Deadline::within(SECOND)).await;

    assert_eq!(alone.await.unwrap(), Err(AskError::Crashed));
    assert_eq!(behind.await.unwrap(), Err(AskError::Draining));
    let [cut] = &drained.cut[..] else { panic!("{drained:?}") };
    assert_eq!((&*cut.path, cut.because, cut.queued), ("victim", CutBecause::Deadline, 1));
    assert_eq!(drained.finished, ["below"], "the drain went on");
}

#[actix::test]
async fn a_refusal_by_a_supervisor_that_gives_up_and_panics_does_not_keep_it_from_telling() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::NONE);
    let victim = add(&root, spec("victim"), &World::default());
    let crashing = victim.call(Do::PanicInHandler, soon());
    let refused = victim.call(Grenade, soon());

    let escalated = timeout(Duration::from_mins(1), root.escalated());
    let (crashed, refused, escalated) = tokio::join!(crashing, refused, escalated);

    escalated.expect("it tells");
    assert_eq!(crashed, Err(AskError::Crashed));
    assert!(refused.as_ref().is_err_and(|error| error.never_ran()), "{refused:?}");
}

#[actix::test]
async fn a_cancelled_call_that_panics_when_its_turn_comes_does_not_touch_the_actor() {
    let world = World::default();
    let victim = victim_as(spec("victim"), &world);
    let alone = actix::spawn(victim.call(DoAlone::Count, soon()));
    until("exclusive work", || world.begun() == 1).await;
    let cancelled = victim.call(Grenade, soon());
    let behind: Vec<_> = (0..2).map(|_| actix::spawn(victim.call(Do::Count, soon()))).collect();

    drop(cancelled);
    world.gate.open();

    assert_eq!(alone.await.unwrap(), Ok(Ok(1)));
    for (behind, count) in behind.into_iter().zip(2..) {
        assert_eq!(behind.await.unwrap(), Ok(Ok(count)), "by the same life");
    }
    assert_eq!(victim.snapshot().restarts.total(), 0);
}

#[actix::test]
async fn a_cancelled_call_that_panics_when_it_is_swept_out_does_not_touch_whoever_sweeps() {
    let world = World { waits_to_start: true, ..World::default() };
    let victim = victim_as(spec("victim").capacity(4), &world);
    let [grenade, another] = [(); 2].map(|()| victim.call(Grenade, soon()));
    let [first, second] = [(); 2].map(|()| victim.call(Do::Count, soon()));

    drop(grenade); // stays in the queue: most of it still waits
    let third = victim.call(Do::Count, soon()); // a full mailbox is swept before anybody is refused
    drop(another);
    drop((first, second)); // sweeps, since most have given up

    world.gate.open();
    assert_eq!(third.await, Ok(Ok(1)));
    assert_eq!(world.begun(), 1);
}
