//! A running server, and how it stops.
//!
//! The server underneath counts the time of a shutdown in whole seconds, looks whether it is over once a second, and says
//! nothing of what it cuts off. Hence it is told to take no more, and the time is kept here.
//!
//! It also closes connections that are kept at once when it is told to stop, and with them the requests that are on their way. So
//! clients are told first: no more of them are let in, answers say `Connection: close`, and who asks nothing more is given a
//! moment to.

use std::{net::SocketAddr, time::Duration};

use actix_server::GracefulShutdownSignal;
use actix_web::{
    dev::{Server, ServerHandle},
    rt,
};
use portico_kernel::Deadline;
use tokio::{
    task::JoinHandle,
    time::{timeout, timeout_at},
};

use crate::{connection::Work, listener::ClosableListener};

/// How long kept connections have to be asked something, and so to be told that they end.
const TELLING: Duration = Duration::from_secs(2);

/// A server that serves until it is told to stop.
pub struct Serving {
    /// Where it listens; the port is the bound one.
    pub address: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    stopping: GracefulShutdownSignal,
    work: Work,
    listening: ClosableListener,
}

impl Serving {
    /// Serves on the current thread's runtime and the workers' own.
    pub(crate) fn begin(
        address: SocketAddr,
        server: Server,
        stopping: GracefulShutdownSignal,
        work: Work,
        listening: ClosableListener,
    ) -> Self {
        Self { address, handle: server.handle(), server: rt::spawn(server), stopping, work, listening }
    }

    /// Takes no more connections, and after a moment no more requests on those that there are, and lets those in flight end.
    /// What has not ended by `deadline` is cut off. Answers how many requests that were.
    pub async fn stop(self, deadline: Deadline) -> usize {
        let telling = TELLING.min(deadline.remaining() / 2);
        let ended = async {
            self.listening.close(&self.handle).await;
            let _told = timeout(telling, self.work.ended()).await;
            let _stopped = self.handle.stop(true); // told at once, and not waited for
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
