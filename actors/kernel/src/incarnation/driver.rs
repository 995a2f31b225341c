//! Polls an actor's context and survives its panics.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use actix::{Actor, ActorContext as _, Context, dev::ContextFut};

use super::{Leash, Order};
use crate::{chaos, mailbox::Mailbox, panics::survive, supervision::Life, tree::Cause};

/// Runs one life. Dropped before its end, which only a dying thread does, it reports that.
pub(crate) struct Driver<A: Actor<Context = Context<A>>> {
    mailbox: Arc<Mailbox<A>>,
    leash: Arc<Leash>,
    living: Option<(ContextFut<A, Context<A>>, Life)>,
    /// What the leash wakes.
    waker: Option<Waker>,
}

impl<A: Actor<Context = Context<A>>> Driver<A> {
    pub(crate) fn new(
        context: ContextFut<A, Context<A>>,
        mailbox: Arc<Mailbox<A>>,
        leash: Arc<Leash>,
        life: Life,
    ) -> Self {
        Self { mailbox, leash, living: Some((context, life)), waker: None }
    }

    /// One poll of the actor under its orders. Ready when the actor has stopped.
    fn step(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let Some((context, _)) = &mut self.living else { return Poll::Ready(()) };
        let order = self.leash.order();
        match order {
            Order::Run => {}
            Order::Drain => self.mailbox.works().when_idle(task.waker()),
            Order::Stop => context.ctx().stop(),
            Order::Kill => return Poll::Ready(()),
        }
        let mut polled = Pin::new(&mut *context).poll(task);
        if polled.is_pending() && order == Order::Drain && self.mailbox.is_idle() {
            context.ctx().stop(); // `stopping` may ask for more time by answering `Continue`
            polled = Pin::new(context).poll(task);
        }
        let stopped = order == Order::Stop; // even if `stopping` asked for more time
        if stopped { Poll::Ready(()) } else { polled }
    }

    /// Ends the life. The actor's hooks do not run: after a panic its state is not to be trusted with another call.
    fn end(&mut self, mut cause: Cause) {
        let Some((mut context, life)) = self.living.take() else { return };
        self.mailbox.retire(&self.leash); // first, since a `Drop` may do anything
        let dropped = survive(move || {
            context.ctx().terminate(); // or the context would poll the actor once more
            drop(context);
        });
        if let Err(panic) = dropped {
            tracing::error!(actor = self.mailbox.node().path(), panic, "actor panicked when dropped");
            cause = Cause::Panic;
        }
        life.ended(cause);
    }
}

impl<A: Actor<Context = Context<A>>> Future for Driver<A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.waker.as_ref().is_none_or(|waker| !waker.will_wake(task.waker())) {
            this.leash.register(task.waker().clone());
            this.waker = Some(task.waker().clone());
        }
        let cause = match survive(|| {
            chaos::crash_rarely("between two polls");
            this.step(task)
        }) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => Cause::Stopped,
            Err(panic) => {
                tracing::error!(actor = this.mailbox.node().path(), panic, "actor crashed");
                Cause::Panic
            }
        };
        this.end(cause);
        Poll::Ready(())
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Driver<A> {
    fn drop(&mut self) {
        self.end(Cause::Arbiter);
    }
}

// The context is polled only through `Pin::new`, which `ContextFut: Unpin` allows; nothing else is pinned.
impl<A: Actor<Context = Context<A>>> Unpin for Driver<A> {}
