//! A handle to a supervised actor.

use std::{fmt, sync::Arc};

use actix::{Actor, Handler, Message};
use futures_util::future::BoxFuture;

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
        let sent = self.0.send(message, deadline);
        Box::pin(async move { sent?.answer().await })
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
