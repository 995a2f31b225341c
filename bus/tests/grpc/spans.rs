//! What is told of a call, on both sides.

use std::sync::{LazyLock, Once};

use portico_kernel::{
    Ask, AskError, EndedSpan, SpanCollector, SpanEnd, SpanKind, SpanValue, TraceContext, collect_spans,
    testkit::{Recorder, until},
};
use portico_session::{Error, Validate};

use crate::support::{Node, ask, live, settings, validate};

static ENDED: LazyLock<Recorder<EndedSpan>> = LazyLock::new(Recorder::new);

struct Everything;

impl SpanCollector for Everything {
    fn collect(&self, span: EndedSpan) {
        ENDED.record(span);
    }
}

/// The two sides of the only call of a trace: who asks, and who answers.
async fn sides(trace: TraceContext) -> [EndedSpan; 2] {
    let of_trace = || ENDED.seen().into_iter().filter(|span| span.context.trace_id() == trace.trace_id());
    until("both sides have ended", || of_trace().count() == 2).await;
    let of_kind = |kind| of_trace().find(|span| span.kind == kind).expect("there is one of each side");
    [of_kind(SpanKind::Client), of_kind(SpanKind::Server)]
}

/// Makes a call whose other side answers by `answer`, within a trace.
async fn call(answer: fn() -> Result<(), Error>) -> [EndedSpan; 2] {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| assert!(collect_spans(Everything, 1.0)));
    let node = Node::sessions(Ask::from_fn(move |_: Validate| async move { answer().map(|()| live()) }));
    let trace = TraceContext::new_root();
    let asked = trace.scope(ask(settings(&[node.address])).ask(validate())).await;
    assert_eq!(asked.is_ok(), answer().is_ok());
    sides(trace).await
}

fn said<'a>(span: &'a EndedSpan, key: &str) -> Option<&'a SpanValue> {
    span.attributes.iter().find(|(said, _)| *said == key).map(|(_, value)| value)
}

#[tokio::test]
async fn the_side_that_answers_is_a_part_of_the_side_that_asks() {
    let [client, server] = call(|| Ok(())).await;

    assert_eq!((&client.name, &server.name), (&"portico.session.v1.Sessions/ValidateSession".into(), &client.name));
    let parent = server.parent.expect("it is a part of the call");
    assert_eq!((parent.trace_id(), parent.span_id()), (client.context.trace_id(), client.context.span_id()));
    assert_eq!((client.end, server.end), (SpanEnd::Done, SpanEnd::Done));
}

#[tokio::test]
async fn a_refusal_is_told_and_is_a_failure_of_nobody() {
    let [client, server] = call(|| Err(Error::Dead)).await;

    let code = SpanValue::from("UNAUTHENTICATED");
    assert_eq!(
        (said(&client, "rpc.response.status_code"), said(&server, "rpc.response.status_code")),
        (Some(&code), Some(&code))
    );
    assert_eq!((&client.end, &server.end), (&SpanEnd::Done, &SpanEnd::Done));
    assert!(said(&client, "server.address").is_some() && said(&client, "server.port").is_some());
}

#[tokio::test]
async fn a_callee_that_is_away_is_a_failure_of_both() {
    let [client, server] = call(|| Err(Error::Ask(AskError::Draining))).await;

    let failed = SpanEnd::Failed("UNAVAILABLE".into());
    assert_eq!((&client.end, &server.end), (&failed, &failed));
}
