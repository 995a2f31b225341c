//! A message on its way, and its caller who waits for the answer.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use actix::{Actor, Handler, Message, dev::MessageResponse as _};
use tokio::{sync::oneshot, time::timeout_at};

use super::{Call, Mailbox, ticket::Ticket};
use crate::{AskError, Blame as _, Deadline, Span, SpanKind, Tracked, chaos, scope::Scope};

/// A message of any type for actors of type `A`, shared by the queue and the caller who waits.
pub(crate) trait Envelope<A: Actor>: Send + Sync {
    fn ticket(&self) -> &Ticket;

    /// Has the actor handle the message. A panic in the handler passes through.
    fn open(&self, actor: &mut A, context: &mut A::Context, call: Call);

    /// Tells whoever traces the call that it was refused, and why.
    fn refused(&self, error: AskError);

    /// Drops the message, which may do anything, and tells the caller that no answer will come.
    fn empty(&self);
}

/// A message of type `M` with what is known of its call.
///
/// Invariant: the contents are taken once, by whoever took the letter from the queue.
pub(crate) struct Letter<M: Message> {
    ticket: Ticket,
    contents: Mutex<Option<Contents<M>>>,
}

struct Contents<M: Message> {
    message: M,
    answer: oneshot::Sender<M::Result>,
    scope: Scope,
    span: Option<Span>,
}

impl<M: Message> Letter<M> {
    /// A letter to `actor`.
    pub(crate) fn new(message: M, answer: oneshot::Sender<M::Result>, ticket: Ticket, actor: &str) -> Self {
        let span = span::<M>(actor);
        let scope = Scope::with_deadline(Deadline::at(ticket.deadline())).within(span.as_ref());
        Self { ticket, contents: Mutex::new(Some(Contents { message, answer, scope, span })) }
    }

    fn take(&self) -> Option<Contents<M>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A call, from being sent to being answered, or refused.
fn span<M>(actor: &str) -> Option<Span> {
    let name = || std::any::type_name::<M>().rsplit("::").next().unwrap_or_default().into();
    let mut span = Span::of_current(SpanKind::Internal, name)?;
    span.set("portico.actor", actor.to_owned());
    Some(span)
}

impl<A, M> Envelope<A> for Letter<M>
where
    A: Handler<M, Result: Tracked>,
    M: Message + Send,
    M::Result: Send,
{
    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn open(&self, actor: &mut A, context: &mut A::Context, call: Call) {
        let Some(Contents { message, answer, scope, span }) = self.take() else { return };
        call.traced(span).during(|| {
            scope.enter(|| {
                chaos::crash("before a handler");
                let response = actor.handle(message, context);
                chaos::crash("after a handler");
                if <A::Result as Tracked>::AT_ONCE {
                    Call::finish_handled();
                }
                response.handle(context, Some(answer));
                chaos::crash("beside the work");
            });
        });
    }

    fn refused(&self, error: AskError) {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(span) = contents.as_mut().and_then(|contents| contents.span.take()) {
            span.fail(error.code());
        }
    }

    fn empty(&self) {
        drop(self.take());
    }
}

/// A caller's end of an accepted call.
///
/// Invariant: dropped early, it cancels the call if that has not begun.
pub(crate) struct Waiting<A: Actor, T> {
    answered: oneshot::Receiver<T>,
    letter: Arc<dyn Envelope<A>>,
    mailbox: Arc<Mailbox<A>>,
}

impl<A: Actor, T> Waiting<A, T> {
    pub(crate) fn new(answered: oneshot::Receiver<T>, letter: Arc<dyn Envelope<A>>, mailbox: Arc<Mailbox<A>>) -> Self {
        Self { answered, letter, mailbox }
    }

    /// Waits for the answer until the deadline.
    pub(crate) async fn answer(mut self) -> Result<T, AskError> {
        let answer = match self.at_once().await {
            Some(answer) => answer,
            // The timer in a place of its own: those that need none would carry its room about.
            None => match Box::pin(timeout_at(self.letter.ticket().deadline(), &mut self.answered)).await {
                Ok(answer) => answer,
                Err(_elapsed) => return Err(self.give_up()),
            },
        };
        answer.map_err(|_gone| self.letter.ticket().without_answer())
    }

    /// The answer of a callee that has nothing else to do. One that does not come to it in its turn is busy after all.
    async fn at_once(&mut self) -> Option<Result<T, oneshot::error::RecvError>> {
        if !self.letter.ticket().is_next() {
            return None;
        }
        let answer = within_a_turn(&mut self.answered).await;
        if answer.is_none() {
            self.letter.ticket().set_next(false);
        }
        answer
    }

    fn give_up(&self) -> AskError {
        if self.cancel() {
            return AskError::Unavailable;
        }
        match self.letter.ticket().without_answer() {
            AskError::Crashed => {
                self.mailbox.node().late();
                AskError::Late
            }
            refused => refused,
        }
    }

    fn cancel(&self) -> bool {
        let cancelled = self.letter.ticket().cancel();
        if cancelled {
            self.mailbox.cancelled();
        }
        cancelled
    }
}

/// What `answer` comes to if it does so before this thread's other tasks have had their turn. It takes no timer, which would
/// cost as much as the call itself.
async fn within_a_turn<F: Future + Unpin>(answer: &mut F) -> Option<F::Output> {
    let mut has_waited = false;
    poll_fn(|task| match Pin::new(&mut *answer).poll(task) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if has_waited => Poll::Ready(None),
        Poll::Pending => {
            has_waited = true;
            task.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

impl<A: Actor, T> Drop for Waiting<A, T> {
    fn drop(&mut self) {
        self.cancel();
    }
}
