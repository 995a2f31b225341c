//! A handle to a supervised actor.

use std::{fmt, sync::Arc, time::Duration};

use actix::{Actor, Handler, Message};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::{Ask, AskError, Callee, Deadline, Node, Tracked, mailbox::Mailbox};

/// A handle to a supervised actor. Cheap to clone; it outlives the actor's restarts.
pub struct Ref<A: Actor>(Arc<Mailbox<A>>);

impl<A: Actor> Ref<A> {
    pub(crate) fn new(mailbox: Arc<Mailbox<A>>) -> Self {
        Self(mailbox)
    }

    /// A typed call to the actor.
    pub fn ask<M>(&self) -> Ask<M>
    where
        A: Handler<M>,
        <A as Handler<M>>::Result: Tracked,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Ask::new(self.clone())
    }

    fn send<M>(&self, message: M, deadline: Deadline, now: Instant) -> BoxFuture<'static, Result<M::Result, AskError>>
    where
        A: Handler<M, Result: Tracked>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let sent = self.0.send(message, deadline, now);
        Box::pin(async move { sent?.answer().await })
    }

    /// What the actor is doing. It never waits for the actor.
    pub fn snapshot(&self) -> Node {
        self.0.node().snapshot()
    }
}

impl<A, M> Callee<M> for Ref<A>
where
    A: Handler<M>,
    <A as Handler<M>>::Result: Tracked,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn call(&self, message: M, deadline: Deadline) -> BoxFuture<'static, Result<M::Result, AskError>> {
        self.send(message, deadline, Instant::now())
    }

    fn call_within(&self, message: M, timeout: Duration) -> BoxFuture<'static, Result<M::Result, AskError>> {
        let now = Instant::now(); // read once: it is a tenth of a call to an actor on this thread
        self.send(message, Deadline::after(now, timeout), now)
    }
}

impl<A: Actor> Clone for Ref<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Actor> fmt::Debug for Ref<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ref").field(&self.0.node().path()).finish()
    }
}
