//! What travels with a call besides its message.

use std::time::Duration;

use actix::{Actor, ActorFutureExt as _, Context, Handler, Message, WrapFuture as _};
use portico_kernel::{
    Ask, AskError, AtomicResponse, Deadline, ResponseFuture, TraceContext,
    testkit::{self, probe},
};
use tokio::time::{Instant, pause};

mod support;
use support::Error;

const SECOND: Duration = Duration::from_secs(1);

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
    let (concurrently, exclusively) = (middle.ask(), middle.ask());
    let (trace, deadline) = (TraceContext::new_root(), Deadline::within(SECOND));

    let (concurrent, exclusive) = deadline
        .scope(trace.scope(async { tokio::join!(concurrently.ask(Concurrently), exclusively.ask(Exclusively)) }))
        .await;

    let same = (Some(deadline), Some(trace));
    assert_eq!(concurrent, Ok((same, same)));
    assert_eq!(exclusive, Ok((same, same)));
}

#[actix::test]
async fn a_nested_call_waits_no_longer_than_its_own_caller() {
    pause();
    let (next, mut calls) = probe::<Where>();
    let ask = testkit::spawn(Middle(next.timeout(10 * SECOND))).ask().timeout(SECOND);
    let begun = Instant::now();

    let (answer, nested) = tokio::join!(ask.ask(Concurrently), calls.next());

    assert_eq!(answer, Err(Error::Ask(AskError::Late)));
    assert_eq!(nested.deadline.instant(), begun + SECOND);
}
