//! Carries calls from the mailbox into the actor's own context.

use std::{
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use actix::{Actor, ActorFuture, AsyncContext as _, Context};
use tokio::task::coop;

use super::Leash;
use crate::mailbox::Mailbox;

/// A future in the actor's context that never ends.
///
/// A call takes its share of what tokio allows a task before the thread's other tasks get a turn. A count of its own
/// would begin anew with each poll, and after exclusive work that is done at once the context polls it again at once.
///
/// Invariant: while the actor waits for exclusive work (`AtomicResponse`, `ctx.wait`), it is given nothing. So an actor
/// has started when the pump is polled first: `started` has run, and what it told the context to wait for.
pub(crate) struct Pump<A: Actor> {
    mailbox: Arc<Mailbox<A>>,
    leash: Arc<Leash>,
    started: Option<Box<dyn FnOnce()>>,
}

impl<A: Actor> Pump<A> {
    pub(crate) fn new(mailbox: Arc<Mailbox<A>>, leash: Arc<Leash>, started: impl FnOnce() + 'static) -> Self {
        Self { mailbox, leash, started: Some(Box::new(started)) }
    }
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut A,
        context: &mut Context<A>,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        if let Some(started) = self.started.take() {
            started();
        }
        while !context.waiting() {
            let turn = ready!(coop::poll_proceed(task));
            let Some(next) = self.mailbox.next(&self.leash, task.waker()) else { break };
            turn.made_progress();
            next.envelope.open(actor, context, next.call);
            if next.is_last {
                break; // another one that came meanwhile has woken the task
            }
        }
        Poll::Pending
    }
}
