//! The domains that must know of an event.
//!
//! Invariant: an event is applied once every subscriber has answered that it applied it. It is poison only when nothing
//! but poison stands in its way, so that a subscriber which is away for a moment misses nothing.

use std::{fmt, sync::Arc};

use actix::Message;
use futures_util::future::{BoxFuture, join_all};
use portico_kernel::{Ask, AskError, Blame, Event, Fault, Span, SpanKind, TraceContext};

use crate::Reason;

/// Hands events to the domains that must know. Cheap to clone.
#[derive(Clone, Default)]
pub struct Subscribers(Vec<Subscriber>);

#[derive(Clone)]
struct Subscriber {
    name: &'static str,
    apply: Arc<dyn Fn(Event) -> BoxFuture<'static, Result<(), Reason>> + Send + Sync>,
}

impl Subscribers {
    /// Also hands events to `name`: as the message that `message` makes of them.
    #[must_use]
    pub fn with<M, E>(
        mut self,
        name: &'static str,
        ask: Ask<M>,
        message: impl Fn(Event) -> M + Send + Sync + 'static,
    ) -> Self
    where
        M: Message<Result = Result<(), E>> + Send + 'static,
        E: Blame + From<AskError>,
    {
        let apply = move |event| -> BoxFuture<'static, Result<(), Reason>> {
            let (ask, message) = (ask.clone(), message(event));
            Box::pin(async move { ask.ask(message).await.map_err(|error| judge(name, error)) })
        };
        self.0.push(Subscriber { name, apply: Arc::new(apply) });
        self
    }

    /// Has every subscriber apply `event`, under the trace of the request that caused it.
    ///
    /// # Errors
    /// Why one of them did not; that it should be repeated outweighs that it never can be.
    pub fn apply(&self, event: &Event) -> BoxFuture<'static, Result<(), Reason>> {
        let applied = join_all(self.0.iter().map(|subscriber| (subscriber.apply)(event.clone())));
        let cause = cause_of(event);
        let trace = cause.map_or_else(TraceContext::new_root, TraceContext::child);
        let span = Span::at(trace, cause, SpanKind::Consumer, || format!("process {}", event.kind).into());
        Box::pin(async move {
            let outcome = worst(trace.scope(applied).await);
            end(span, "process", outcome.as_ref().err());
            outcome
        })
    }
}

/// The answer that decides: that an event should be repeated outweighs that it never can be applied.
fn worst(answers: Vec<Result<(), Reason>>) -> Result<(), Reason> {
    let reasons = answers.into_iter().filter_map(Result::err);
    reasons.max_by_key(|reason| matches!(reason, Reason::Unavailable(_))).map_or(Ok(()), Err)
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|subscriber| subscriber.name)).finish()
    }
}

/// Who answers that the event itself is at fault will always answer so.
fn judge(name: &str, error: impl Blame) -> Reason {
    match error.fault() {
        Fault::Client(_) => Reason::Poison(format!("{name}: {}", error.code())),
        Fault::Server(_) => Reason::Unavailable(error.into()),
    }
}

/// The request that caused an event, if it says.
pub(crate) fn cause_of(event: &Event) -> Option<TraceContext> {
    event.traceparent.as_deref()?.parse().ok()
}

/// Ends the span of an event that was handed on, or taken, by what came of it. `operation` is what OpenTelemetry calls that:
/// `send` or `process`.
pub(crate) fn end(span: Option<Span>, operation: &'static str, failed: Option<&Reason>) {
    let Some(mut span) = span else { return };
    span.set("messaging.operation.type", operation);
    match failed {
        None => span.end(),
        Some(Reason::Poison(_)) => span.fail("poison"),
        Some(Reason::Unavailable(_)) => span.fail("unavailable"),
    }
}
