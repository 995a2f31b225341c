//! What a handler returns: work that goes on after the handler, under the caller's deadline, trace and span.
//!
//! Invariant: the call's place in the bound is held as long as the work lasts, not as long as its caller waits.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use actix::{
    Actor, ActorFuture, ActorFutureExt as _, AsyncContext, Message, MessageResult,
    dev::{MessageResponse, OneshotSender},
    fut::LocalBoxActorFuture,
};

use crate::{
    chaos,
    mailbox::Call,
    scope::{Scope, Scoped},
};

/// An answer whose end the kernel sees, so that it can bound and measure the call. actix's own futures are not among
/// them: they run where nobody counts them.
pub trait Tracked {
    /// Whether it is the answer itself, so that the call's work ends with its handler.
    const AT_ONCE: bool = true;
}

impl<T, E> Tracked for Result<T, E> {}
impl<T> Tracked for Option<T> {}
impl<T> Tracked for Vec<T> {}
impl<T> Tracked for Arc<T> {}
impl<M: Message> Tracked for MessageResult<M> {}

impl<T> Tracked for ResponseFuture<T> {
    const AT_ONCE: bool = false;
}

impl<A, T> Tracked for AtomicResponse<A, T> {
    const AT_ONCE: bool = false;
}

/// Concurrent work: the actor goes on with its next message meanwhile. For when the store arbitrates.
///
/// A panic in it fails this call only. It outlives a crash of the actor, since it holds nothing of it.
pub struct ResponseFuture<T>(Pin<Box<dyn Future<Output = T>>>);

impl<T> ResponseFuture<T> {
    /// Answers with what `work` comes to.
    pub fn new(work: impl Future<Output = T> + 'static) -> Self {
        Self(Box::pin(work))
    }
}

impl<A, M> MessageResponse<A, M> for ResponseFuture<M::Result>
where
    A: Actor,
    M: Message,
{
    fn handle(self, _: &mut A::Context, answer: Option<OneshotSender<M::Result>>) {
        let work = Scoped::new(Scope::current(), self.0);
        if let Some(call) = Call::claim() {
            call.work(work, answer);
        } else {
            // The actor told itself (`ctx.notify`): nobody waits and nothing is counted.
            actix::spawn(async move {
                let result = work.await;
                answer.map(|answer| answer.send(result))
            });
        }
    }
}

/// Exclusive work: the actor takes no other message until it is done. For when the actor's memory arbitrates.
///
/// A panic in it crashes the actor.
pub struct AtomicResponse<A, T>(LocalBoxActorFuture<A, T>);

impl<A: Actor, T> AtomicResponse<A, T> {
    /// Answers with what `work` comes to.
    pub fn new(work: impl ActorFuture<A, Output = T> + 'static) -> Self {
        Self(Box::pin(work))
    }
}

impl<A, M> MessageResponse<A, M> for AtomicResponse<A, M::Result>
where
    A: Actor,
    A::Context: AsyncContext<A>,
    M: Message,
{
    fn handle(self, context: &mut A::Context, answer: Option<OneshotSender<M::Result>>) {
        let call = Call::claim();
        let work = ScopedInActor { scope: Scope::current(), work: self.0 };
        context.wait(work.map(move |result, _, _| match (call, answer) {
            (Some(call), answer) => call.answer(answer, result),
            (None, Some(answer)) => drop(answer.send(result)),
            (None, None) => {}
        }));
    }
}

struct ScopedInActor<A: Actor, T> {
    scope: Scope,
    work: LocalBoxActorFuture<A, T>,
}

impl<A: Actor, T> ActorFuture<A> for ScopedInActor<A, T> {
    type Output = T;

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut A,
        context: &mut A::Context,
        task: &mut task::Context<'_>,
    ) -> Poll<T> {
        let Self { scope, work } = &mut *self;
        scope.enter(|| {
            chaos::crash_rarely("in exclusive work");
            work.as_mut().poll(actor, context, task)
        })
    }
}
