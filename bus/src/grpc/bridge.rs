//! Asks of a domain that other nodes host.

use std::marker::PhantomData;

use futures_util::{StreamExt as _, future::BoxFuture};
use portico_kernel::{AskError, Callee, Deadline, TraceContext};
use portico_log::{Lines, Tail};
use portico_photo::{Content, Error, Load, Open, Photo};

use super::{
    Domain, Logs, Outcome, Peers, Photos, Rpc,
    peers::{Call, CallOutcome, InFlight, Incoming, ServerStreaming, Unary, Uploading, lines},
};

/// Answers every message of the domain `D` by asking the nodes that host it. Cheap to clone; clones share the nodes.
pub struct Bridge<D> {
    peers: Peers,
    domain: PhantomData<fn() -> D>,
}

impl<D: Domain> Bridge<D> {
    /// Asks `peers`.
    pub fn new(peers: Peers) -> Self {
        Self { peers, domain: PhantomData }
    }

    fn ask<C: Call<Domain = D> + 'static>(
        &self,
        call: C,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(CallOutcome<C>, InFlight), AskError>> + Send + use<C, D> {
        let (peers, trace) = (self.peers.clone(), TraceContext::current());
        async move { peers.ask(call, deadline, trace).await }
    }
}

impl<D> Clone for Bridge<D> {
    fn clone(&self) -> Self {
        Self { peers: self.peers.clone(), domain: PhantomData }
    }
}

impl<D: Domain, M: Rpc<Domain = D>> Callee<M> for Bridge<D> {
    fn call(&self, message: M, deadline: Deadline) -> BoxFuture<'static, Result<Outcome<M>, AskError>> {
        let asked = self.ask(Unary::new(message), deadline);
        Box::pin(async move { asked.await.map(|(outcome, _)| outcome) })
    }
}

/// The deadline counts for the answer, which comes after the whole upload.
impl Callee<Load> for Bridge<Photos> {
    fn call(&self, message: Load, deadline: Deadline) -> BoxFuture<'static, Result<Result<Photo, Error>, AskError>> {
        let asked = self.ask(Uploading::new(message), deadline);
        Box::pin(async move { asked.await.map(|(outcome, _)| outcome) })
    }
}

/// The deadline counts for the answer, and not for the bytes that follow it.
impl Callee<Open> for Bridge<Photos> {
    fn call(&self, message: Open, deadline: Deadline) -> BoxFuture<'static, Result<Result<Content, Error>, AskError>> {
        let (asked, silence_max) = (self.ask(ServerStreaming::new(message), deadline), self.peers.silence_max());
        Box::pin(async move {
            let (outcome, place) = asked.await?;
            Ok(outcome.map(|parts| Content(Incoming::new(parts, place, silence_max).bytes().boxed())))
        })
    }
}

/// The deadline counts until records begin to come.
impl Callee<Tail> for Bridge<Logs> {
    fn call(
        &self,
        message: Tail,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Result<Lines, portico_log::Error>, AskError>> {
        let asked = self.ask(ServerStreaming::new(message), deadline);
        Box::pin(async move {
            let (outcome, place) = asked.await?;
            Ok(outcome.map(|parts| Lines(lines(parts, place).boxed())))
        })
    }
}
