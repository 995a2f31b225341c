//! This node's domains, for other nodes to ask over gRPC.

use std::net::SocketAddr;

use portico_bus::grpc::{Limits, Server, ServerError};
use portico_config::Role;
use portico_kernel::Deadline;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{exit::Failure, node::Node};

/// A listener for other nodes.
pub(crate) struct Nodes {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), ServerError>>,
}

impl Nodes {
    /// Listens, if the configuration says where.
    ///
    /// # Errors
    /// The operator's: the address cannot be bound, or certificates cannot be used.
    pub(crate) fn open(node: &Node) -> Result<Option<Self>, Failure> {
        let config = &node.config().node;
        let Some(listen) = config.listen else { return Ok(None) };
        let mut server = Server::new(Limits::default());
        if let Some(trust) = node.trust() {
            server = server.tls(&trust.server());
        }
        let stop = CancellationToken::new();
        let hosted = node.hosted(stop.clone());
        if let Some(sessions) = hosted.sessions {
            server = server.asked_by(names(&config.callers.session)).sessions(sessions);
        }
        if let Some(users) = hosted.users {
            server = server.asked_by(names(&config.callers.user)).users(users);
        }
        if let Some(photos) = hosted.photos {
            server = server.asked_by(names(&config.callers.photo)).photos(photos);
        }
        if let Some(logs) = hosted.logs {
            server = server.asked_by(names(&config.callers.log)).logs(logs);
        }
        let refusals = server.refusals();
        node.metrics.observe_refused_nodes(move || refusals.all());
        let unbound = |error| Failure::unavailable(format!("node.listen: cannot listen on {listen}: {error}"));
        let _served_there = node.threads().enter()?;
        let listener = bind(listen).map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let serving = tokio::spawn(server.serve(listener, stop.clone().cancelled_owned()));
        Ok(Some(Self { address, stop, serving }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more calls, and lets those in flight end, or cuts them off at the deadline.
    pub(crate) async fn close(self, deadline: Deadline) {
        self.stop.cancel();
        let cut = self.serving.abort_handle();
        match tokio::time::timeout_at(deadline.instant(), self.serving).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(error = &error as &dyn std::error::Error, "gRPC server failed"),
            Ok(Err(crashed)) => tracing::error!(error = &crashed as &dyn std::error::Error, "gRPC server crashed"),
            Err(_elapsed) => {
                cut.abort();
                tracing::warn!("calls of other nodes were cut off before they were answered");
            }
        }
    }
}

fn names(roles: &[Role]) -> impl Iterator<Item = &'static str> {
    roles.iter().map(|role| role.name())
}

fn bind(listen: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let listener = std::net::TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
