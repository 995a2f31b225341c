//! The bound of calls holds whatever callers do.

use futures_util::future::join_all;
use portico_kernel::{AskError, Callee as _, testkit::until};

mod support;
use support::{Do, DoAlone, Error, World, soon, spec, victim_as};

#[actix::test]
async fn the_bound_holds_over_a_thousand_handles() {
    let world = World::default();
    let victim = victim_as(spec("victim").capacity(10), &world);
    let handles: Vec<_> = (0..1000).map(|_| victim.clone()).collect();

    let calls: Vec<_> = handles.iter().map(|handle| actix::spawn(handle.call(Do::CountLater, soon()))).collect();
    until("the refusals", || victim.snapshot().overloaded == 990).await;
    until("the beginning of all others", || world.begun() == 10).await;

    assert_eq!(victim.snapshot().in_flight, 10);
    world.gate.open();
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(AskError::Overloaded)).count(), 990);
    assert_eq!(victim.snapshot().in_flight, 0);
}

#[actix::test]
async fn a_caller_that_goes_leaves_its_work_in_the_bound() {
    let world = World::default();
    let victim = victim_as(spec("victim").capacity(10), &world);
    let calls: Vec<_> = (0..10).map(|_| actix::spawn(victim.call(Do::CountLater, soon()))).collect();
    until("the beginning of all", || world.begun() == 10).await;

    calls.iter().for_each(tokio::task::JoinHandle::abort);
    join_all(calls).await;

    assert_eq!(victim.snapshot().in_flight, 10, "the work goes on");
    assert_eq!(victim.call(Do::Count, soon()).await, Err(AskError::Overloaded));
    world.gate.open();
    until("the end of the work", || victim.snapshot().in_flight == 0).await;
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(11));
}

#[actix::test]
async fn callers_that_go_before_their_turn_make_room() {
    let world = World::default();
    let victim = victim_as(spec("victim").capacity(10), &world);
    let alone = actix::spawn(victim.call(DoAlone::Count, soon()));
    until("exclusive work", || world.begun() == 1).await;

    for _ in 0..1000 {
        let given_up: Vec<_> = (0..9).map(|_| victim.call(Do::Count, soon())).collect();
        assert_eq!(victim.call(Do::Count, soon()).await, Err(AskError::Overloaded));
        drop(given_up);
    }

    assert!(victim.snapshot().in_flight <= 10);
    world.gate.open();
    assert_eq!(alone.await.unwrap(), Ok(Ok(1)));
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(2));
    assert_eq!(world.begun(), 2, "none of the 9,000 ran");
    assert_eq!(victim.snapshot().in_flight, 0);
}

#[actix::test]
async fn calls_that_wait_through_a_crash_stay_in_the_bound() {
    let world = World::default();
    let victim = victim_as(spec("victim").capacity(3), &world);
    let ask = victim.ask::<Do>();

    let (crashed, second, third, fourth) =
        tokio::join!(ask.ask(Do::PanicInHandler), ask.ask(Do::Count), ask.ask(Do::Count), ask.ask(Do::Count));

    assert_eq!(crashed, Err(Error::Ask(AskError::Crashed)));
    assert_eq!((second, third), (Ok(1), Ok(2)));
    assert_eq!(fourth, Err(Error::Ask(AskError::Overloaded)));
}

#[actix::test]
async fn a_full_mailbox_leaves_the_threads_other_tasks_their_turn() {
    let victim = victim_as(spec("victim").capacity(1000), &World::default());
    victim.ask::<Do>().ask(Do::Count).await.unwrap();
    let calls: Vec<_> = (0..1000).map(|_| victim.call(Do::Count, soon())).collect();

    let other = actix::spawn({
        let victim = victim.clone();
        async move { victim.snapshot().depth }
    });

    assert!(other.await.unwrap() > 0, "it had to wait for the whole mailbox");
    assert!(join_all(calls).await.iter().all(Result::is_ok));
}
