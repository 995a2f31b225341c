//! What a caller learns, and what travels with a call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actix::{Actor, ActorFutureExt as _, Context, Handler, Message, WrapFuture as _};
use portico_kernel::{
    Ask, AskError, AtomicResponse, Callee as _, Deadline, ResponseFuture, RetryBudget, TraceContext,
    testkit::{self, probe, until},
};
use tokio::time::{Instant, advance, pause};

mod support;
use support::{Do, DoAlone, Error, World, spec, victim, victim_as};

const SECOND: Duration = Duration::from_secs(1);

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
    let exclusive = actix::spawn({
        let ask = victim.ask::<DoAlone>();
        async move { ask.ask(DoAlone::Count).await }
    });
    until("exclusive work", || world.begun() == 1).await;

    let waited = victim.ask::<Do>().timeout(SECOND).ask(Do::Count).await;
    world.gate.open();

    assert_eq!(waited, Err(Error::Ask(AskError::Unavailable)));
    assert_eq!(exclusive.await.unwrap(), Ok(1));
    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(2));
    assert_eq!(world.begun(), 2, "Unavailable never ran");
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

/// Asks somebody else, in either kind of work, and tells under which deadline and trace.
struct Middle(Ask<Where>);

#[derive(Clone)]
struct Where;

type Surroundings = (Option<Deadline>, Option<TraceContext>);

impl Message for Where {
    type Result = Result<Surroundings, Error>;
}

struct Concurrently;

impl Message for Concurrently {
    type Result = Result<(Surroundings, Surroundings), Error>;
}

struct Exclusively;

impl Message for Exclusively {
    type Result = Result<(Surroundings, Surroundings), Error>;
}

impl Actor for Middle {
    type Context = Context<Self>;
}

fn surroundings() -> Surroundings {
    (Deadline::current(), TraceContext::current())
}

impl Handler<Concurrently> for Middle {
    type Result = ResponseFuture<Result<(Surroundings, Surroundings), Error>>;

    fn handle(&mut self, _: Concurrently, _: &mut Context<Self>) -> Self::Result {
        let (next, here) = (self.0.clone(), surroundings());
        ResponseFuture::new(async move {
            tokio::task::yield_now().await;
            assert_eq!(surroundings(), here);
            Ok((here, next.ask(Where).await?))
        })
    }
}

impl Handler<Exclusively> for Middle {
    type Result = AtomicResponse<Self, Result<(Surroundings, Surroundings), Error>>;

    fn handle(&mut self, _: Exclusively, _: &mut Context<Self>) -> Self::Result {
        let (next, here) = (self.0.clone(), surroundings());
        let work = async move {
            tokio::task::yield_now().await;
            assert_eq!(surroundings(), here);
            Ok((here, next.ask(Where).await?))
        };
        AtomicResponse::new(work.into_actor(self).map(|result, _, _| result))
    }
}

struct Last;

impl Actor for Last {
    type Context = Context<Self>;
}

impl Handler<Where> for Last {
    type Result = Result<Surroundings, Error>;

    fn handle(&mut self, _: Where, _: &mut Context<Self>) -> Self::Result {
        Ok(surroundings())
    }
}

#[actix::test]
async fn deadline_and_trace_travel_through_work_into_nested_calls() {
    let last = testkit::spawn(Last);
    let middle = testkit::spawn(Middle(last.ask()));
    let (trace, deadline) = (TraceContext::new_root(), Deadline::within(SECOND));

    let (concurrent, exclusive) = deadline
        .scope(trace.scope(async {
            tokio::join!(middle.ask::<Concurrently>().ask(Concurrently), middle.ask::<Exclusively>().ask(Exclusively))
        }))
        .await;

    let same = (Some(deadline), Some(trace));
    assert_eq!(concurrent, Ok((same, same)));
    assert_eq!(exclusive, Ok((same, same)));
}

#[actix::test]
async fn a_nested_call_waits_no_longer_than_its_own_caller() {
    pause();
    let (next, mut calls) = probe::<Where>();
    let middle = testkit::spawn(Middle(next.timeout(10 * SECOND)));
    let begun = Instant::now();

    let (answer, nested) =
        tokio::join!(middle.ask::<Concurrently>().timeout(SECOND).ask(Concurrently), calls.next());

    assert_eq!(answer, Err(Error::Ask(AskError::Late)));
    assert_eq!(nested.deadline.instant(), begun + SECOND);
}

fn refusing(times: u32, with: AskError) -> (Ask<Do>, Arc<AtomicU32>) {
    struct Refusing(AtomicU32, AskError, Arc<AtomicU32>);
    impl portico_kernel::Callee<Do> for Refusing {
        fn call(
            &self,
            _: Do,
            _: Deadline,
        ) -> futures_util::future::BoxFuture<'static, Result<Result<u32, Error>, AskError>> {
            self.2.fetch_add(1, Ordering::Relaxed);
            let refuses = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            let answer = if refuses { Err(self.1) } else { Ok(Ok(7)) };
            Box::pin(std::future::ready(answer))
        }
    }
    let calls = Arc::new(AtomicU32::new(0));
    (Ask::new(Refusing(AtomicU32::new(times), with, Arc::clone(&calls))), calls)
}

#[actix::test]
async fn a_call_that_never_ran_is_repeated_until_it_runs() {
    pause();
    for error in [AskError::Overloaded, AskError::Draining, AskError::Unavailable] {
        let (ask, calls) = refusing(3, error);

        let answer = ask.ask_again(Do::Count, &RetryBudget::default()).await;

        assert_eq!(answer, Ok(7));
        assert_eq!(calls.load(Ordering::Relaxed), 4);
    }
}

#[actix::test]
async fn a_call_that_may_have_run_is_never_repeated() {
    pause();
    for error in [AskError::Crashed, AskError::Late] {
        let (ask, calls) = refusing(1, error);

        let answer = ask.ask_again(Do::Count, &RetryBudget::default()).await;

        assert_eq!(answer, Err(Error::Ask(error)));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}

#[actix::test]
async fn repeats_end_with_the_deadline() {
    pause();
    let (ask, calls) = refusing(u32::MAX, AskError::Unavailable);
    let begun = Instant::now();

    let answer = ask.timeout(SECOND).ask_again(Do::Count, &RetryBudget::new(1.0, 1000.0)).await;

    assert_eq!(answer, Err(Error::Ask(AskError::Unavailable)));
    assert!(begun.elapsed() <= SECOND);
    assert!((3..20).contains(&calls.load(Ordering::Relaxed)), "waits grow between repeats");
}

#[actix::test]
async fn a_spent_budget_allows_a_share_of_the_calls_and_a_few_a_second() {
    pause();
    let (ask, calls) = refusing(u32::MAX, AskError::Overloaded);
    let budget = RetryBudget::new(0.25, 0.1); // at most one is saved up
    let spent = ask.ask_again(Do::Count, &budget).await;
    assert_eq!(spent, Err(Error::Ask(AskError::Overloaded)));
    calls.store(0, Ordering::Relaxed);

    for _ in 0..40 {
        let _refused = ask.ask_again(Do::Count, &budget).await;
    }
    let repeats = calls.load(Ordering::Relaxed) - 40;
    calls.store(0, Ordering::Relaxed);
    advance(10 * SECOND).await;
    let _refused = ask.ask_again(Do::Count, &budget).await;

    assert!((9..=11).contains(&repeats), "{repeats} repeats in 40 calls");
    assert!(calls.load(Ordering::Relaxed) >= 2, "an idle time brings one back");
}

#[actix::test]
async fn answers_come_from_another_thread_as_well() {
    let victim = victim_as(spec("victim").on("elsewhere"), &World::default());

    for count in 1..=100 {
        assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(count));
    }
}
