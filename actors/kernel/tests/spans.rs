//! What is told of the work within a trace.

use std::{
    sync::{LazyLock, Once},
    time::Duration,
};

use actix::{Actor, Context, Handler, Message, WrapFuture as _};
use portico_kernel::{
    Ask, AskError, AtomicResponse, EndedSpan, Intensity, Pool, ResponseFuture, Span, SpanCollector, SpanEnd, SpanKind,
    SpanValue, Spec, Strategy, Supervisor, TraceContext, collect_spans,
    testkit::{self, Recorder, probe},
};

static ENDED: LazyLock<Recorder<EndedSpan>> = LazyLock::new(Recorder::new);

struct Everything;

impl SpanCollector for Everything {
    fn collect(&self, span: EndedSpan) {
        ENDED.record(span);
    }
}

/// A trace of a test's own, of which everything is collected.
fn trace() -> TraceContext {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| assert!(collect_spans(Everything, 1.0)));
    TraceContext::new_root()
}

/// The spans of a trace that have ended, the first to end first.
fn ended(trace: TraceContext) -> Vec<EndedSpan> {
    ENDED.seen().into_iter().filter(|span| span.context.trace_id() == trace.trace_id()).collect()
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
struct Failed(#[from] AskError);

struct Outer;

impl Message for Outer {
    type Result = Result<(), Failed>;
}

struct Inner;

impl Message for Inner {
    type Result = Result<(), Failed>;
}

struct Crash;

impl Message for Crash {
    type Result = Result<(), Failed>;
}

/// Asks somebody else, on a thread of a pool as well.
struct Middle(Ask<Inner>);

impl Actor for Middle {
    type Context = Context<Self>;
}

impl Handler<Outer> for Middle {
    type Result = ResponseFuture<Result<(), Failed>>;

    fn handle(&mut self, _: Outer, _: &mut Context<Self>) -> Self::Result {
        let inner = self.0.clone();
        ResponseFuture::new(async move {
            Pool::new("test-pool", 1, 1).run(|| ()).await.unwrap();
            inner.ask(Inner).await
        })
    }
}

/// Serves one call at a time, and waits in each for somebody else.
struct Alone(Ask<Inner>);

impl Actor for Alone {
    type Context = Context<Self>;
}

impl Handler<Outer> for Alone {
    type Result = AtomicResponse<Self, Result<(), Failed>>;

    fn handle(&mut self, _: Outer, _: &mut Context<Self>) -> Self::Result {
        let inner = self.0.clone();
        AtomicResponse::new(async move { inner.ask(Inner).await }.into_actor(self))
    }
}

struct Last;

impl Actor for Last {
    type Context = Context<Self>;
}

impl Handler<Inner> for Last {
    type Result = Result<(), Failed>;

    fn handle(&mut self, _: Inner, _: &mut Context<Self>) -> Self::Result {
        Ok(())
    }
}

impl Handler<Crash> for Last {
    type Result = Result<(), Failed>;

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) -> Self::Result {
        panic!("the test wants it")
    }
}

#[actix::test]
async fn calls_of_actors_and_jobs_of_pools_are_parts_of_what_asked_for_them() {
    let trace = trace();
    let middle = testkit::spawn(Middle(testkit::spawn(Last).ask()));

    trace.scope(middle.ask().ask(Outer)).await.unwrap();

    let ended = ended(trace);
    let names: Vec<_> = ended.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["test-pool", "Inner", "Outer"]);
    let [job, inner, outer] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!(outer.parent, Some(trace));
    assert_eq!((job.parent, inner.parent), (Some(outer.context), Some(outer.context)));
    assert!(ended.iter().all(|span| span.end == SpanEnd::Done && span.kind == SpanKind::Internal), "{ended:?}");
    assert!(outer.took >= inner.took);
    let said: Vec<_> = outer.attributes.iter().map(|(key, _)| *key).collect();
    assert_eq!(said, ["portico.actor", "portico.actor.waited_s"]);
}

#[actix::test]
async fn a_call_that_crashes_and_one_that_never_begins_are_told_as_such() {
    let trace = trace();
    let (inner, _nobody_answers) = probe::<Inner>();
    let middle = testkit::spawn(Alone(inner));

    let crashed = trace.scope(testkit::supervise(|| Last).ask().ask(Crash)).await;
    let within = |milliseconds| middle.ask::<Outer>().timeout(Duration::from_millis(milliseconds));
    let (busy, waiting) = (within(100), within(10));
    let (_, waited) = tokio::join!(busy.ask(Outer), trace.scope(waiting.ask(Outer)));

    assert_eq!((crashed, waited), (Err(Failed(AskError::Crashed)), Err(Failed(AskError::Unavailable))));
    testkit::until("what waited is dropped", || ended(trace).len() == 2).await;
    let ended = ended(trace);
    let told: Vec<_> = ended.iter().map(|span| (&*span.name, span.end.clone())).collect();
    assert_eq!(told, [("Crash", SpanEnd::Failed("crashed".into())), ("Outer", SpanEnd::Cancelled)]);
}

#[actix::test]
async fn a_call_that_is_refused_says_why() {
    let trace = trace();
    let (inner, _nobody_answers) = probe::<Inner>();
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::UNLIMITED);
    let alone = root.supervise(Spec::new("alone").here().capacity(1), move || Alone(inner.clone()));
    let ask = || alone.ask::<Outer>().timeout(Duration::from_millis(100));

    let (first, second) = (ask(), ask());
    let (_, refused) = tokio::join!(first.ask(Outer), trace.scope(second.ask(Outer)));

    assert_eq!(refused, Err(Failed(AskError::Overloaded)));
    let told: Vec<_> = ended(trace).into_iter().map(|span| span.end).collect();
    assert_eq!(told, [SpanEnd::Failed("overloaded".into())]);
}

#[actix::test]
async fn a_span_that_is_dropped_was_cancelled_and_one_that_failed_says_why() {
    let trace = trace();
    let begin = |name: &'static str| Span::within(trace, SpanKind::Client, || name.into()).unwrap();

    drop(begin("dropped"));
    begin("failed").fail("unavailable");
    let mut span = begin("named later");
    span.rename("GET /me");
    span.set("http.response.status_code", 200);
    span.end();

    let ended = ended(trace);
    let told: Vec<_> = ended.iter().map(|span| (&*span.name, span.end.clone())).collect();
    let failed = SpanEnd::Failed("unavailable".into());
    assert_eq!(told, [("dropped", SpanEnd::Cancelled), ("failed", failed), ("GET /me", SpanEnd::Done)]);
    assert_eq!(ended[2].attributes, [("http.response.status_code", SpanValue::Number(200))]);
}

#[actix::test]
async fn nothing_is_told_of_a_trace_that_is_not_sampled() {
    trace();
    let unsampled: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".parse().unwrap();

    unsampled.scope(testkit::spawn(Last).ask().ask(Inner)).await.unwrap();

    assert!(Span::within(unsampled, SpanKind::Client, || unreachable!("nobody wants its name")).is_none());
    assert!(ended(unsampled).is_empty());
}
