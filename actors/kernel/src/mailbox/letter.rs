//! A message on its way, and its caller who waits for the answer.

use std::sync::Arc;

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
}

impl<A: Actor, T> Waiting<A, T> {
    pub(crate) fn new(answered: oneshot::Receiver<T>, ticket: Arc<Ticket>, mailbox: Arc<Mailbox<A>>) -> Self {
        Self { answered, ticket, mailbox }
    }

    /// Waits for the answer until the deadline.
    pub(crate) async fn answer(mut self) -> Result<T, AskError> {
        match timeout_at(self.ticket.deadline(), &mut self.answered).await {
            Ok(answer) => answer.map_err(|_gone| self.ticket.without_answer()),
            Err(_elapsed) => Err(self.give_up()),
        }
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

impl<A: Actor, T> Drop for Waiting<A, T> {
    fn drop(&mut self) {
        self.cancel();
    }
}
