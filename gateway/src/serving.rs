//! A running server, and how it stops.
//!
//! The server underneath counts the time of a shutdown in whole seconds, looks whether it is over once a second, and says
//! nothing of what it cuts off. Hence it is told to take no more, and the time is kept here.

use std::net::SocketAddr;

use actix_server::GracefulShutdownSignal;
use actix_web::{
    dev::{Server, ServerHandle},
    rt,
};
use portico_kernel::Deadline;
use tokio::{task::JoinHandle, time::timeout_at};

use crate::connection::Work;

/// A server that serves until it is told to stop.
pub struct Serving {
    /// Where it listens; the port is the bound one.
    pub address: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    stopping: GracefulShutdownSignal,
    work: Work,
}

impl Serving {
    /// Serves on the current thread's runtime and the workers' own.
    pub(crate) fn begin(address: SocketAddr, server: Server, stopping: GracefulShutdownSignal, work: Work) -> Self {
        Self { address, handle: server.handle(), server: rt::spawn(server), stopping, work }
    }

    /// Takes no more connections and no more requests, and lets those in flight end. What has not ended by `deadline` is
    /// cut off. Answers how many requests that were.
    pub async fn stop(self, deadline: Deadline) -> usize {
        let _stopped = self.handle.stop(true); // told at once, and not waited for
        let ended = async {
            self.stopping.notified().await; // no request begins from here on
            self.work.ended().await;
        };
        let cut = match timeout_at(deadline.instant(), ended).await {
            Ok(()) => 0,
            Err(_) => self.work.requests(),
        };
        if cut > 0 {
            tracing::warn!(requests = cut, "requests in flight were cut off at the deadline");
        }
        self.server.abort(); // workers whose server is gone drop what they have
        let _gone = self.server.await;
        cut
    }
}
