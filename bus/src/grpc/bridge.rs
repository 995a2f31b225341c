//! Asks of a domain that other nodes host.

use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use portico_kernel::{AskError, Callee, Deadline, TraceContext};

use super::{Domain, Outcome, Peers, Rpc};

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
}

impl<D> Clone for Bridge<D> {
    fn clone(&self) -> Self {
        Self { peers: self.peers.clone(), domain: PhantomData }
    }
}

impl<D: Domain, M: Rpc<Domain = D>> Callee<M> for Bridge<D> {
    fn call(&self, message: M, deadline: Deadline) -> BoxFuture<'static, Result<Outcome<M>, AskError>> {
        let (peers, trace) = (self.peers.clone(), TraceContext::current());
        Box::pin(async move { peers.ask(message, deadline, trace).await })
    }
}
