//! Spans (OpenTelemetry): the pieces of work within a trace, told to whoever collects them.
//!
//! Invariant: where nobody collects them, or a trace is not sampled, nothing is made.

use std::{
    borrow::Cow,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use super::TraceContext;

/// Where ended spans go.
static COLLECTOR: OnceLock<Box<dyn SpanCollector>> = OnceLock::new();
/// A trace that begins here is sampled if the lower 63 bits of its id are below this.
static SAMPLED_BELOW: AtomicU64 = AtomicU64::new(ALL);
/// More than any 63 bits.
const ALL: u64 = 1 << 63;

/// Takes spans that have ended. It is called wherever work ends, and must not wait.
pub trait SpanCollector: Send + Sync + 'static {
    /// A span has ended.
    fn collect(&self, span: EndedSpan);
}

/// Has every span of a sampled trace be told to `collector`, for as long as the process lives. Of the traces that begin in
/// this process the part `ratio` is sampled, 0 to 1, the same ones wherever that is decided by their ids; of others it was
/// decided where they began. False if there is a collector already.
pub fn collect_spans(collector: impl SpanCollector, ratio: f64) -> bool {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "between 0 and a power of two"
    )]
    let below = (ratio.clamp(0.0, 1.0) * ALL as f64) as u64;
    let is_first = COLLECTOR.set(Box::new(collector)).is_ok();
    if is_first {
        SAMPLED_BELOW.store(below, Ordering::Relaxed);
    }
    is_first
}

/// Whether a trace that begins here is sampled.
pub(super) fn is_sampled(trace_id: u128) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "its lower bits are what counts")]
    let number = trace_id as u64 & (ALL - 1);
    number < SAMPLED_BELOW.load(Ordering::Relaxed)
}

/// What part of a call a span is (OpenTelemetry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work within a process.
    Internal,
    /// A call that somebody else makes of this process.
    Server,
    /// A call that this process makes of somebody else.
    Client,
    /// A message that is handed on.
    Producer,
    /// A message that is taken.
    Consumer,
}

/// What a span says of its work. Never anything personal or secret: it leaves the node.
#[derive(Debug, Clone, PartialEq)]
pub enum SpanValue {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
    /// Seconds.
    Seconds(f64),
}

impl From<&'static str> for SpanValue {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for SpanValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u16> for SpanValue {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<Duration> for SpanValue {
    fn from(duration: Duration) -> Self {
        Self::Seconds(duration.as_secs_f64())
    }
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct EndedSpan {
    /// Its trace, and what it is called in it.
    pub context: TraceContext,
    /// The span that it is a part of.
    pub parent: Option<TraceContext>,
    /// What part of a call it is.
    pub kind: SpanKind,
    /// What was done: a name of a closed set.
    pub name: Cow<'static, str>,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What else is to be said, under the names of OpenTelemetry's semantic conventions.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// What came of it.
    pub end: SpanEnd,
}

/// What came of a span's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanEnd {
    /// It was done, whether whoever asked for it liked the answer or not.
    Done,
    /// Nobody wanted it any more.
    Cancelled,
    /// It failed, for what a stable name tells.
    Failed(Cow<'static, str>),
}

/// A span that is under way. Dropped before anything else is said of its end, it was [cancelled](SpanEnd::Cancelled).
#[derive(Debug)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    span: EndedSpan,
    started: Instant,
}

impl Span {
    /// Begins a part of `parent`, if anybody is told of it.
    pub fn within(parent: TraceContext, kind: SpanKind, name: impl FnOnce() -> Cow<'static, str>) -> Option<Self> {
        is_collected(parent).then(|| Self::begin(parent.child(), Some(parent), kind, name()))
    }

    /// Begins a part of the work that is being done, if anybody is told of it.
    pub fn of_current(kind: SpanKind, name: impl FnOnce() -> Cow<'static, str>) -> Option<Self> {
        COLLECTOR.get()?;
        Self::within(TraceContext::current()?, kind, name)
    }

    /// Begins the span that is called `context`, a part of `parent`, if anybody is told of it.
    pub fn at(
        context: TraceContext,
        parent: Option<TraceContext>,
        kind: SpanKind,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Option<Self> {
        is_collected(context).then(|| Self::begin(context, parent, kind, name()))
    }

    #[expect(clippy::disallowed_methods, reason = "when work was done, whatever the clock of a test says")]
    fn begin(context: TraceContext, parent: Option<TraceContext>, kind: SpanKind, name: Cow<'static, str>) -> Self {
        let (began, took, attributes, end) = (SystemTime::now(), Duration::ZERO, Vec::new(), SpanEnd::Cancelled);
        let span = EndedSpan { context, parent, kind, name, began, took, attributes, end };
        Self(Some(Box::new(Open { span, started: Instant::now() })))
    }

    /// Its trace, and what it is called in it.
    pub fn context(&self) -> TraceContext {
        self.0.as_ref().map(|open| open.span.context).expect("it is there until it has ended")
    }

    /// Says what was done, once that is known.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.0 {
            open.span.name = name.into();
        }
    }

    /// Says something of the work. Never anything personal or secret.
    pub fn set(&mut self, key: &'static str, value: impl Into<SpanValue>) {
        if let Some(open) = &mut self.0 {
            open.span.attributes.push((key, value.into()));
        }
    }

    /// The work has succeeded, or failed for whoever asked for it alone.
    pub fn end(mut self) {
        self.collect(SpanEnd::Done);
    }

    /// The work has failed, for what `error` names: a stable name.
    pub fn fail(mut self, error: impl Into<Cow<'static, str>>) {
        self.collect(SpanEnd::Failed(error.into()));
    }

    fn collect(&mut self, end: SpanEnd) {
        if let (Some(open), Some(collector)) = (self.0.take(), COLLECTOR.get()) {
            collector.collect(EndedSpan { took: open.started.elapsed(), end, ..open.span });
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.collect(SpanEnd::Cancelled);
    }
}

fn is_collected(trace: TraceContext) -> bool {
    COLLECTOR.get().is_some() && trace.is_sampled()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_all_traces_are_sampled_by_the_lower_half_of_their_ids() {
        struct Nobody;
        impl SpanCollector for Nobody {
            fn collect(&self, _: EndedSpan) {}
        }

        assert!(is_sampled(u128::MAX), "until it is said otherwise");
        assert!(collect_spans(Nobody, 0.5));

        assert!(is_sampled(u128::from(u64::MAX) << 64));
        assert!(is_sampled(u128::from(ALL / 2 - 1)));
        assert!(!is_sampled(u128::from(ALL / 2)));
        assert!(is_sampled(u128::from(ALL)), "the highest bit of the lower half does not count");
        assert!(!collect_spans(Nobody, 0.0), "there is one for as long as the process lives");
    }
}
