//! Carries calls from the mailbox into the actor's own context.

use std::{
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use actix::{Actor, ActorFuture, AsyncContext as _, Context};

use super::Leash;
use crate::mailbox::Mailbox;

/// How many calls are handled before the thread's other tasks get a turn.
const BATCH: usize = 64;

/// A future in the actor's context that never ends.
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
        for _ in 0..BATCH {
            if context.waiting() {
                return Poll::Pending;
            }
            let Some((envelope, call)) = self.mailbox.next(&self.leash) else { return Poll::Pending };
            envelope.open(actor, context, call);
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
