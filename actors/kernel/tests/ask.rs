//! What a caller learns.

use std::time::Duration;

use futures_util::FutureExt as _;
use portico_kernel::{AskError, Callee as _, Deadline, Ref, testkit::until};
use tokio::{
    task::JoinHandle,
    time::{Instant, advance, pause},
};

mod support;
use support::{Do, DoAlone, Error, Victim, World, spec, victim, victim_as};

const SECOND: Duration = Duration::from_secs(1);

/// Has the actor do work that nobody else can be served beside, until the gate opens.
async fn exclusive_work(world: &World, victim: &Ref<Victim>) -> JoinHandle<Result<u32, Error>> {
    let ask = victim.ask::<DoAlone>();
    let exclusive = actix::spawn(async move { ask.ask(DoAlone::Count).await });
    until("exclusive work", || world.begun() == 1).await;
    exclusive
}

#[actix::test]
async fn a_call_that_runs_past_its_deadline_is_late() {
    pause();
    let world = World::default();
    let victim = victim(&world);

    let late = victim.ask::<Do>().timeout(SECOND).ask(Do::CountLater).await;

    assert_eq!(late, Err(Error::Ask(AskError::Late)));
    assert_eq!(world.begun(), 1);
    let node = victim.snapshot();
    assert_eq!((node.late, node.in_flight), (1, 1), "the work goes on");
    world.gate.open();
    until("the end of the work", || victim.snapshot().in_flight == 0).await;
    assert_eq!(victim.snapshot().handled, 1);
}

#[actix::test]
async fn a_call_whose_deadline_passes_while_it_waits_never_runs() {
    pause();
    let world = World::default();
    let victim = victim(&world);
    let exclusive = exclusive_work(&world, &victim).await;

    let waited = victim.ask::<Do>().timeout(SECOND).ask(Do::Count).await;
    world.gate.open();

    assert_eq!(waited, Err(Error::Ask(AskError::Unavailable)));
    assert_eq!(exclusive.await.unwrap(), Ok(1));
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(2));
    assert_eq!(world.begun(), 2, "Unavailable never ran");
}

#[actix::test]
async fn a_call_whose_deadline_passes_while_nobody_looks_never_runs() {
    pause();
    let world = World::default();
    let victim = victim(&world);
    let exclusive = exclusive_work(&world, &victim).await;
    let mut waiting = victim.call(Do::Count, Deadline::within(SECOND));
    for _turn in 0..3 {
        assert!((&mut waiting).now_or_never().is_none());
    }

    advance(2 * SECOND).await;
    world.gate.open();

    assert_eq!(exclusive.await.unwrap(), Ok(1));
    until("an actor with nothing to do", || victim.snapshot().depth == 0).await;
    assert_eq!(waiting.await, Err(AskError::Unavailable));
    assert_eq!(world.begun(), 1, "Unavailable never ran");
}

#[actix::test]
async fn a_deadline_that_has_passed_already_is_refused() {
    let world = World::default();
    let victim = victim(&world);

    let refused = victim.call(Do::Count, Deadline::at(Instant::now())).await;

    assert_eq!(refused, Err(AskError::Unavailable));
    assert_eq!(world.begun(), 0);
}

#[actix::test]
async fn a_call_that_its_caller_gave_up_before_it_began_never_runs() {
    let world = World::default();
    let victim = victim(&world);
    let ask = victim.ask::<Do>();

    drop(victim.call(Do::Count, support::soon()));

    assert_eq!(ask.ask(Do::Count).await, Ok(1));
    assert_eq!(world.begun(), 1);
    assert_eq!(victim.snapshot().in_flight, 0);
}

#[actix::test]
async fn a_panic_in_exclusive_work_answers_crashed_and_the_next_life_serves_those_who_wait() {
    let world = World::default();
    let victim = victim(&world);
    let (alone, ask) = (victim.ask::<DoAlone>(), victim.ask::<Do>());

    let (crashed, behind) = tokio::join!(alone.ask(DoAlone::Panic), ask.ask(Do::Count));

    assert_eq!(crashed, Err(Error::Ask(AskError::Crashed)));
    assert_eq!(behind, Ok(1));
}

#[actix::test]
async fn concurrent_work_survives_a_crash_of_its_actor() {
    let world = World::default();
    let victim = victim(&world);
    let ask = victim.ask::<Do>();
    let concurrent = actix::spawn({
        let ask = ask.clone();
        async move { ask.ask(Do::CountLater).await }
    });
    until("concurrent work", || world.begun() == 1).await;

    let _crashed = ask.ask(Do::PanicInHandler).await;
    world.gate.open();

    assert_eq!(concurrent.await.unwrap(), Ok(1));
    assert_eq!(victim.snapshot().crashed, 1);
}

#[actix::test]
async fn answers_come_from_another_thread_as_well() {
    let victim = victim_as(spec("victim").on("elsewhere"), &World::default());

    for count in 1..=100 {
        assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(count));
    }
}
