//! The bound of calls holds whatever callers do.

use std::{sync::Barrier, thread, time::Duration};

use actix::{Handler, Message};
use futures_util::future::join_all;
use portico_kernel::{AskError, Backoff, Callee as _, Deadline, State, Tracked, testkit::until};
use tokio::time::pause;

mod support;
use support::{Do, DoAlone, Error, Victim, World, soon, spec, victim_as};

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
async fn the_bound_holds_when_eight_threads_call_at_once() {
    let world = World::default();
    let victim = victim_as(spec("victim").on("called").capacity(10), &world);
    let start = Barrier::new(8);

    let calls: Vec<_> = thread::scope(|scope| {
        let threads = [(); 8].map(|()| {
            let (victim, start) = (victim.clone(), &start);
            scope.spawn(move || {
                start.wait();
                (0..125).map(|_| victim.call(Do::CountLater, soon())).collect::<Vec<_>>()
            })
        });
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });

    assert_eq!((victim.snapshot().in_flight, victim.snapshot().overloaded), (10, 990));
    until("the beginning of all others", || world.begun() == 10).await;
    world.gate.open();
    let answers = join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count(), 10);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(AskError::Overloaded)).count(), 990);
    assert_eq!((victim.snapshot().in_flight, world.begun()), (0, 10));
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
async fn half_of_a_full_mailbox_that_was_given_up_makes_room_for_as_many() {
    let world = World { waits_to_start: true, ..World::default() };
    let victim = victim_as(spec("victim").capacity(10), &world);
    let mut waiting: Vec<_> = (0..10).map(|_| victim.call(Do::Count, soon())).collect();

    drop(waiting.split_off(5));
    waiting.extend((0..5).map(|_| victim.call(Do::Count, soon())));
    let one_more = victim.call(Do::Count, soon()).await;

    assert_eq!(one_more, Err(AskError::Overloaded));
    world.gate.open();
    assert!(join_all(waiting).await.iter().all(|answer| matches!(answer, Ok(Ok(_)))));
    assert_eq!(world.begun(), 10, "none of those that were given up ran");
}

#[actix::test]
async fn calls_whose_deadline_passes_while_they_wait_make_room() {
    pause();
    let world = World { waits_to_start: true, ..World::default() };
    let victim = victim_as(spec("victim").capacity(10), &world);
    let short = || victim.call(Do::Count, Deadline::within(Duration::from_millis(10)));
    let long: Vec<_> = (0..6).map(|_| victim.call(Do::Count, soon())).collect();

    let expired = join_all((0..4).map(|_| short())).await;
    let more: Vec<_> = (0..4).map(|_| victim.call(Do::Count, soon())).collect();

    assert!(expired.iter().all(|answer| *answer == Err(AskError::Unavailable)), "{expired:?}");
    assert_eq!(victim.call(Do::Count, soon()).await, Err(AskError::Overloaded));
    world.gate.open();
    assert!(join_all(long.into_iter().chain(more)).await.iter().all(|answer| matches!(answer, Ok(Ok(_)))));
    assert_eq!(world.begun(), 10);
}

#[actix::test]
async fn callers_that_go_during_a_backoff_make_room_for_as_many() {
    pause();
    let long = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(1), ..Backoff::NONE };
    let victim = victim_as(spec("victim").capacity(10).backoff(long), &World::default());
    let crashing = actix::spawn(victim.call(Do::PanicInHandler, soon()));
    let mut waiting: Vec<_> = (0..9).map(|_| victim.call(Do::Count, soon())).collect();
    drop(waiting.split_off(5)); // given up before the crash, which looks through the queue as well
    assert_eq!(crashing.await.unwrap(), Err(AskError::Crashed));
    until("the backoff", || victim.snapshot().state == State::Backoff).await;

    waiting.extend((0..5).map(|_| victim.call(Do::Count, soon())));
    let one_more = victim.call(Do::Count, soon()).await;

    assert_eq!(one_more, Err(AskError::Overloaded));
    let answers = join_all(waiting).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Ok(_)))), "{answers:?}");
}

#[actix::test]
async fn callers_on_other_threads_that_come_and_go_leave_nothing_in_the_bound() {
    let world = World::default();
    let victim = victim_as(spec("victim").on("called").capacity(16), &world);

    thread::scope(|scope| {
        for _ in 0..8 {
            let victim = victim.clone();
            scope.spawn(move || (0..500).for_each(|_| drop(victim.call(Do::Count, soon()))));
        }
    });

    let node = victim.snapshot();
    assert!(node.in_flight <= 16, "{node:?}");
    assert!(matches!(victim.call(Do::Count, soon()).await, Ok(Ok(_))), "there is room at once");
    until("an empty mailbox", || victim.snapshot().in_flight == 0).await;
    assert_eq!(victim.snapshot().handled, u64::from(world.begun()), "what began was answered");
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

/// How many of a thousand calls like `order` still wait when another task on the thread gets its turn.
async fn left_to_another_task<M>(order: M) -> u64
where
    M: Message<Result = Result<u32, Error>> + Copy + Send + 'static,
    Victim: Handler<M, Result: Tracked>,
{
    let victim = victim_as(spec("victim").capacity(1000), &World::default());
    victim.ask::<Do>().ask(Do::Count).await.unwrap();
    let calls: Vec<_> = (0..1000).map(|_| victim.call(order, soon())).collect();

    let other = actix::spawn({
        let victim = victim.clone();
        async move { victim.snapshot().depth }
    });

    let left = other.await.unwrap();
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    left
}

#[actix::test]
async fn a_full_mailbox_leaves_the_threads_other_tasks_their_turn() {
    assert!(left_to_another_task(Do::Count).await > 0, "it had to wait for the whole mailbox");
}

#[actix::test]
async fn so_does_a_mailbox_full_of_exclusive_work_that_never_waits() {
    assert!(left_to_another_task(DoAlone::CountAtOnce).await > 0, "it had to wait for the whole mailbox");
}
