//! A call that has begun.

use std::{cell::Cell, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use tokio::{sync::oneshot, time::Instant};

use super::{Works, ticket::Ticket};
use crate::{Span, chaos};

thread_local! {
    /// The call whose handler is on this thread's stack, until the handler's answer claims it.
    static HANDLED: Cell<Option<Call>> = const { Cell::new(None) };
}

/// Holds a place in the bound of calls for as long as the work lasts, however long the caller stays.
///
/// Invariant: every call ends once, in [`Self::finish`] or, dropped without it, as crashed.
pub(crate) struct Call {
    sent: Instant,
    works: Arc<Works>,
    span: Option<Span>,
    finished: bool,
}

impl Call {
    pub(crate) fn begin(ticket: &Ticket, works: Arc<Works>) -> Self {
        works.begin();
        Self { sent: ticket.sent(), works, span: None, finished: false }
    }

    /// The same as a span, which ends with it.
    pub(crate) fn traced(mut self, span: Option<Span>) -> Self {
        self.span = span;
        if let Some(span) = &mut self.span {
            span.set("portico.actor.waited_s", self.sent.elapsed());
        }
        self
    }

    /// Runs a handler. Unless its answer claims the call, the call ends with it.
    pub(crate) fn during(self, handle: impl FnOnce()) {
        struct Unclaimed;
        impl Drop for Unclaimed {
            fn drop(&mut self) {
                drop(Call::claim()); // the handler panics: the call crashed, unless its work goes on elsewhere
            }
        }
        HANDLED.set(Some(self));
        let unclaimed = Unclaimed;
        handle();
        std::mem::forget(unclaimed);
        Self::finish_handled();
    }

    /// Ends the call that is being handled, unless its answer has claimed it.
    pub(crate) fn finish_handled() {
        if let Some(call) = Self::claim() {
            call.finish();
        }
    }

    /// The call that is being handled, for work that outlasts its handler.
    pub(crate) fn claim() -> Option<Self> {
        HANDLED.take()
    }

    /// Answers with what `work` comes to, beside the actor. A panic in it fails this call only.
    pub(crate) fn work<T: 'static>(self, work: impl Future<Output = T> + 'static, answer: Option<oneshot::Sender<T>>) {
        let works = Arc::clone(&self.works);
        works.spawn(async move {
            match AssertUnwindSafe(chaos::in_work(work)).catch_unwind().await {
                Ok(result) => self.answer(answer, result),
                Err(_panic) => {
                    tracing::error!(actor = self.works.node().path(), "call panicked after its handler returned");
                }
            }
        });
    }

    /// Ends the call with its answer.
    pub(crate) fn answer<T>(self, answer: Option<oneshot::Sender<T>>, result: T) {
        self.finish(); // before the answer, as everywhere, so that whoever has it sees the call counted
        if let Some(answer) = answer {
            let _gone = answer.send(result);
        }
    }

    fn finish(mut self) {
        self.finished = true;
        self.works.node().handled(self.sent.elapsed());
        if let Some(span) = self.span.take() {
            span.end();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.finished {
            self.works.node().crashed();
            if let Some(span) = self.span.take() {
                span.fail("crashed");
            }
        }
        self.works.end();
    }
}
