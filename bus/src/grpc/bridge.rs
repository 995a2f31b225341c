//! Asks of a domain that other nodes host.

mod content;

use std::{marker::PhantomData, sync::Arc};

use futures_util::{StreamExt as _, future::BoxFuture};
use portico_kernel::{AskError, Callee, Deadline, TraceContext};
use portico_log::{Lines, Tail};
use portico_photo::{Content, Error, Load, Open, Photo};

use self::content::Reading;
use super::{
    Domain, Logs, Outcome, Peers, Photos, Rpc,
    peers::{Call, CallOutcome, InFlight, Incoming, Peer, ServerStreaming, Unary, Uploading, lines},
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
        trace: Option<TraceContext>,
        deadline: Deadline,
        excluded: Vec<Arc<Peer>>,
    ) -> impl Future<Output = Result<(CallOutcome<C>, InFlight), AskError>> + Send + use<C, D> {
        let peers = self.peers.clone();
        async move { peers.ask(call, deadline, trace, &excluded).await }
    }
}

impl<D> Clone for Bridge<D> {
    fn clone(&self) -> Self {
        Self { peers: self.peers.clone(), domain: PhantomData }
    }
}

impl<D: Domain, M: Rpc<Domain = D>> Callee<M> for Bridge<D> {
    fn call(&self, message: M, deadline: Deadline) -> BoxFuture<'static, Result<Outcome<M>, AskError>> {
        let asked = self.ask(Unary::new(message), TraceContext::current(), deadline, Vec::new());
        Box::pin(async move { asked.await.map(|(outcome, _)| outcome) })
    }
}

/// The deadline counts for the answer, which comes after the whole upload.
impl Callee<Load> for Bridge<Photos> {
    fn call(&self, message: Load, deadline: Deadline) -> BoxFuture<'static, Result<Result<Photo, Error>, AskError>> {
        let asked = self.ask(Uploading::new(message), TraceContext::current(), deadline, Vec::new());
        Box::pin(async move { asked.await.map(|(outcome, _)| outcome) })
    }
}

impl Bridge<Photos> {
    /// Has a node that is not `excluded` begin to tell content.
    fn open(
        &self,
        message: Open,
        trace: Option<TraceContext>,
        deadline: Deadline,
        excluded: Vec<Arc<Peer>>,
    ) -> impl Future<Output = Result<Result<Incoming, Error>, AskError>> + Send + use<> {
        let (asked, silence_max) =
            (self.ask(ServerStreaming::new(message), trace, deadline, excluded), self.peers.silence_max());
        async move {
            let (outcome, place) = asked.await?;
            Ok(outcome.map(|parts| Incoming::new(parts, place, silence_max)))
        }
    }
}

/// The deadline counts for the answer, and not for the bytes that follow it.
impl Callee<Open> for Bridge<Photos> {
    fn call(&self, message: Open, deadline: Deadline) -> BoxFuture<'static, Result<Result<Content, Error>, AskError>> {
        let (bridge, trace) = (self.clone(), TraceContext::current());
        let opening = self.open(message.clone(), trace, deadline, Vec::new());
        Box::pin(async move {
            let opened = opening.await?;
            Ok(opened.map(|incoming| Content(Reading::new(bridge, trace, message, incoming).bytes().boxed())))
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
        let asked = self.ask(ServerStreaming::new(message), TraceContext::current(), deadline, Vec::new());
        Box::pin(async move {
            let (outcome, place) = asked.await?;
            Ok(outcome.map(|parts| Lines(lines(parts, place).boxed())))
        })
    }
}
