//! What crashes, and what comes back: `./just restarts` runs these alone and prints a line for each.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use portico_kernel::{AskError, Callee as _, Node, Ref};

mod support;
use support::{Do, DoAlone, Error, Grenade, Victim, World, soon, spec, victim, victim_as};

/// Asks until a life that has counted nothing before answers, and says so.
async fn came_back(what: &str, since: Instant, victim: &Ref<Victim>) {
    let mut first = victim.ask::<Do>().ask(Do::Count).await;
    while matches!(first, Ok(count) if count > 1) || first == Err(Error::Ask(AskError::Crashed)) {
        assert!(since.elapsed() < Duration::from_mins(1), "{what} never struck, or nothing came back: {first:?}");
        tokio::task::yield_now().await; // the fault has not struck yet, or struck this very call
        first = victim.ask::<Do>().ask(Do::Count).await;
    }
    assert_eq!(first, Ok(1), "the state is fresh");
    println!("crashed: {what} -> came back in {} ms with fresh state", since.elapsed().as_millis());
}

async fn crash(what: &str, order: Do) -> Node {
    crash_in(&World::default(), what, order).await
}

async fn crash_in(world: &World, what: &str, order: Do) -> Node {
    let victim = victim(world);
    for before in 1..=3 {
        assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(before));
    }

    let since = Instant::now();
    let _fault = victim.ask::<Do>().ask(order).await;

    came_back(what, since, &victim).await;
    victim.snapshot()
}

#[actix::test]
async fn a_panic_in_a_handler() {
    let node = crash("panic in a handler", Do::PanicInHandler).await;

    assert_eq!((node.restarts.panic, node.crashed, node.incarnation), (1, 1, 2));
}

#[actix::test]
async fn a_panic_in_exclusive_work_after_an_await() {
    let victim = victim(&World::default());
    victim.ask::<Do>().ask(Do::Count).await.unwrap();

    let since = Instant::now();
    let fault = victim.ask::<DoAlone>().ask(DoAlone::Panic).await;

    assert_eq!(fault, Err(Error::Ask(AskError::Crashed)));
    came_back("panic in exclusive work, after an await", since, &victim).await;
    assert_eq!(victim.snapshot().restarts.panic, 1);
}

#[actix::test]
async fn a_panic_in_concurrent_work_fails_that_call_only() {
    let victim = victim(&World::default());
    victim.ask::<Do>().ask(Do::Count).await.unwrap();

    let fault = victim.ask::<Do>().ask(Do::PanicInResponseFuture).await;

    assert_eq!(fault, Err(Error::Ask(AskError::Crashed)));
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(3), "the state was kept");
    let node = victim.snapshot();
    assert_eq!((node.restarts.total(), node.crashed, node.incarnation), (0, 1, 1));
    println!("crashed: panic in concurrent work -> that call failed, and the actor went on with its state");
}

#[actix::test]
async fn a_panic_in_a_timer() {
    let node = crash("panic in a timer", Do::PanicInTimer).await;

    assert_eq!((node.restarts.panic, node.crashed), (1, 0), "no call died of it");
}

#[actix::test]
async fn a_panic_in_a_spawned_task() {
    let node = crash("panic in a spawned task", Do::PanicInSpawned).await;

    assert_eq!((node.restarts.panic, node.crashed), (1, 0), "no call died of it");
}

#[actix::test]
async fn a_panic_in_drop() {
    let node = crash("panic in drop", Do::PanicInDrop).await;

    assert_eq!(node.restarts.panic, 1);
}

#[actix::test]
async fn a_panic_in_the_actors_own_drop() {
    let world = World::default();
    world.drop_panics.store(1, Ordering::SeqCst);

    let node = crash_in(&world, "panic in the actor's own drop", Do::Stop).await;

    assert_eq!((node.restarts.panic, node.restarts.stopped, node.incarnation), (1, 0, 2));
}

#[actix::test]
async fn a_panic_in_a_handler_and_then_in_the_actors_own_drop() {
    let world = World::default();
    world.drop_panics.store(1, Ordering::SeqCst);

    let what = "panic in a handler, and then in the actor's own drop";
    let node = crash_in(&world, what, Do::PanicInHandler).await;

    assert_eq!((node.restarts.panic, node.crashed, node.incarnation), (1, 1, 2));
}

#[actix::test]
async fn a_panic_in_stopping() {
    let world = World::default();
    world.stopping_panics.store(1, Ordering::SeqCst);

    let node = crash_in(&world, "panic in stopping", Do::Stop).await;

    assert_eq!((node.restarts.panic, node.restarts.stopped, node.incarnation), (1, 0, 2));
}

#[actix::test]
async fn a_panic_in_a_messages_drop() {
    let world = World { waits_to_start: true, ..World::default() };
    let victim = victim(&world);
    let grenade = victim.call(Grenade, soon());
    let behind: Vec<_> = (0..2).map(|_| victim.call(Do::Count, soon())).collect();

    drop(grenade); // given up, so that it is dropped when its turn comes
    world.gate.open();

    let answers = join_all(behind).await;
    assert_eq!(answers, [Ok(Ok(1)), Ok(Ok(2))]);
    assert_eq!((victim.snapshot().restarts.total(), victim.snapshot().in_flight), (0, 0));
    println!("crashed: panic in the drop of a message that nobody waited for -> the actor went on with its state");
}

#[actix::test]
async fn a_panic_in_a_handler_and_then_in_drop() {
    let node = crash("panic in a handler, and then in drop", Do::PanicInHandlerAndDrop).await;

    assert_eq!((node.restarts.panic, node.crashed), (1, 1));
}

#[actix::test]
async fn an_actor_that_stops_itself() {
    let node = crash("stopped itself", Do::Stop).await;

    assert_eq!(node.restarts.stopped, 1);
}

#[actix::test]
async fn a_panic_in_started() {
    let world = World::default();
    world.started_panics.store(3, Ordering::SeqCst);

    let since = Instant::now();
    let victim = victim(&world);

    came_back("panic in started, three times", since, &victim).await;
    let node = victim.snapshot();
    assert_eq!((node.restarts.panic, node.incarnation), (3, 4));
}

#[actix::test]
async fn a_panic_in_the_factory() {
    let world = World::default();
    world.factory_panics.store(3, Ordering::SeqCst);

    let since = Instant::now();
    let victim = victim(&world);

    came_back("panic in the factory, three times", since, &victim).await;
    let node = victim.snapshot();
    assert_eq!((node.restarts.panic, node.incarnation), (3, 4));
}

#[actix::test]
async fn the_death_of_the_thread() {
    let world = World::default();
    let victim = victim_as(spec("victim").on("doomed"), &world);
    for before in 1..=3 {
        assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(before));
    }

    let since = Instant::now();
    let _fault = victim.ask::<Do>().ask(Do::KillArbiter).await;

    came_back("death of the thread", since, &victim).await;
    assert_eq!(victim.snapshot().restarts.arbiter, 1);
}

#[actix::test]
async fn calls_that_wait_survive_a_crash_and_the_one_that_crashed_never_runs_again() {
    let world = World::default();
    let victim = victim(&world);
    let ask = victim.ask::<Do>().timeout(Duration::from_secs(5));

    let (fatal, second, third) = tokio::join!(ask.ask(Do::PanicInHandler), ask.ask(Do::Count), ask.ask(Do::Count));

    assert_eq!(fatal, Err(Error::Ask(AskError::Crashed)));
    assert_eq!((second, third), (Ok(1), Ok(2)), "the next life served them, in order");
    assert_eq!(world.begun(), 3, "each ran once");
    println!("crashed: panic in a handler with calls behind it -> the next life served them, in order");
}
