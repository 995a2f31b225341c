//! A message on its way, and its caller who waits for the answer.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use actix::{Actor, Handler, Message, dev::MessageResponse as _};
use tokio::{sync::oneshot, time::timeout_at};

use super::{Call, Mailbox, ticket::Ticket};
use crate::{AskError, Deadline, Tracked, chaos, scope::Scope};

/// A message of any type for actors of type `A`.
pub(crate) trait Envelope<A: Actor>: Send {
    fn ticket(&self) -> &Ticket;

    /// Has the actor handle the message. A panic in the handler passes through.
    fn open(self: Box<Self>, actor: &mut A, context: &mut A::Context, call: Call);
}

/// A message of type `M` with what its handling needs.
pub(crate) struct Letter<M: Message> {
    message: M,
    answer: oneshot::Sender<M::Result>,
    ticket: Arc<Ticket>,
    scope: Scope,
}

impl<M: Message> Letter<M> {
    pub(crate) fn new(message: M, answer: oneshot::Sender<M::Result>, ticket: Arc<Ticket>) -> Self {
        let scope = Scope::with_deadline(Deadline::at(ticket.deadline()));
        Self { message, answer, ticket, scope }
    }
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

    fn open(self: Box<Self>, actor: &mut A, context: &mut A::Context, call: Call) {
        let Self { message, answer, scope, .. } = *self;
        call.during(|| {
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
}

/// A caller's end of an accepted call.
///
/// Invariant: dropped early, it cancels the call if that has not begun.
pub(crate) struct Waiting<A: Actor, T> {
    answered: oneshot::Receiver<T>,
    ticket: Arc<Ticket>,
    mailbox: Arc<Mailbox<A>>,
    /// Whether the actor was idle, on this thread, and so handles it as soon as this one waits.
    is_next: bool,
}

impl<A: Actor, T> Waiting<A, T> {
    pub(crate) fn new(
        answered: oneshot::Receiver<T>,
        ticket: Arc<Ticket>,
        mailbox: Arc<Mailbox<A>>,
        is_next: bool,
    ) -> Self {
        Self { answered, ticket, mailbox, is_next }
    }

    /// Waits for the answer until the deadline.
    pub(crate) async fn answer(mut self) -> Result<T, AskError> {
        let at_once = if self.is_next { within_a_turn(&mut self.answered).await } else { None };
        let answer = match at_once {
            Some(answer) => answer,
            // The timer in a place of its own: those that need none would carry its room about.
            None => match Box::pin(timeout_at(self.ticket.deadline(), &mut self.answered)).await {
                Ok(answer) => answer,
                Err(_elapsed) => return Err(self.give_up()),
            },
        };
        answer.map_err(|_gone| self.ticket.without_answer())
    }

    fn give_up(&self) -> AskError {
        if self.cancel() {
            return AskError::Unavailable;
        }
        match self.ticket.without_answer() {
            AskError::Crashed => {
                self.mailbox.node().late();
                AskError::Late
            }
            refused => refused,
        }
    }

    fn cancel(&self) -> bool {
        let cancelled = self.ticket.cancel();
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
