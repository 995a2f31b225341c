//! What travels with a call besides its message: deadline, trace and span.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tracing::Span;

use crate::{Deadline, TraceContext};

/// The surroundings of a piece of work, taken from its caller and put in place again wherever it runs.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    deadline: Option<Deadline>,
    trace: Option<TraceContext>,
    span: Span,
}

impl Scope {
    /// The surroundings of the work that is being done.
    pub(crate) fn current() -> Self {
        Self { deadline: Deadline::current(), trace: TraceContext::current(), span: Span::current() }
    }

    /// The same, but with `deadline`.
    pub(crate) fn with_deadline(deadline: Deadline) -> Self {
        Self { deadline: Some(deadline), trace: TraceContext::current(), span: Span::current() }
    }

    /// The same within `part` of the work, where it is one of its own.
    pub(crate) fn within(self, part: Option<&crate::Span>) -> Self {
        Self { trace: part.map(crate::Span::context).or(self.trace), ..self }
    }

    /// Runs a synchronous `work` in these surroundings.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _span = self.span.enter();
        match (self.deadline, self.trace) {
            (Some(deadline), Some(trace)) => deadline.sync_scope(|| trace.sync_scope(work)),
            (Some(deadline), None) => deadline.sync_scope(work),
            (None, Some(trace)) => trace.sync_scope(work),
            (None, None) => work(),
        }
    }
}

/// Work that is polled in the surroundings of its caller.
pub(crate) struct Scoped<T> {
    scope: Scope,
    work: Pin<Box<dyn Future<Output = T>>>,
}

impl<T> Scoped<T> {
    pub(crate) fn new(scope: Scope, work: Pin<Box<dyn Future<Output = T>>>) -> Self {
        Self { scope, work }
    }
}

impl<T> Future for Scoped<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        let Self { scope, work } = &mut *self;
        scope.enter(|| work.as_mut().poll(task))
    }
}
