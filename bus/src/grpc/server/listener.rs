//! Lets connections in: so many, and with TLS only those that shake hands in time.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, stream::poll_fn};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{Limits, io::Io};

/// Connections that were let in and not yet served.
const WAITING_MAX: usize = 16;
/// The wait after the system could not accept, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(50);

/// Connections and calls that were refused. Cheap to clone; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    full: AtomicU64,
    handshake: AtomicU64,
    role: AtomicU64,
}

impl Refusals {
    /// Those that were one too many.
    pub fn full(&self) -> u64 {
        self.0.full.load(Ordering::Relaxed)
    }

    /// Those whose TLS handshake failed or took too long: without a certificate that is wanted, as a rule.
    pub fn handshake(&self) -> u64 {
        self.0.handshake.load(Ordering::Relaxed)
    }

    /// Calls of nodes that may not make them.
    pub fn role(&self) -> u64 {
        self.0.role.load(Ordering::Relaxed)
    }

    pub(super) fn count_role(&self) {
        self.0.role.fetch_add(1, Ordering::Relaxed);
    }
}

/// What comes in at `listener`, until it is dropped.
pub(super) fn connections(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    refusals: Refusals,
) -> impl Stream<Item = io::Result<Io>> + Send {
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let room = Arc::new(Semaphore::new(limits.connections_max));
    let door = Door { sender, tls: tls.map(TlsAcceptor::from), timeout: limits.handshake_timeout, refusals };
    tokio::spawn(async move {
        tokio::select! {
            () = accept(&listener, &door, &room) => {},
            () = door.sender.closed() => {},
        }
    });
    poll_fn(move |task| receiver.poll_recv(task))
}

async fn accept(listener: &TcpListener, door: &Door, room: &Arc<Semaphore>) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => match Arc::clone(room).try_acquire_owned() {
                Ok(permit) => {
                    tokio::spawn(door.clone().enter(stream, address, permit));
                }
                Err(_) => {
                    door.refusals.0.full.fetch_add(1, Ordering::Relaxed);
                }
            },
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "connection not accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

#[derive(Clone)]
struct Door {
    sender: mpsc::Sender<io::Result<Io>>,
    tls: Option<TlsAcceptor>,
    timeout: Duration,
    refusals: Refusals,
}

impl Door {
    async fn enter(self, stream: TcpStream, address: SocketAddr, permit: OwnedSemaphorePermit) {
        let _slower_otherwise = stream.set_nodelay(true);
        let entered = match &self.tls {
            None => Io::plain(stream, address, permit),
            Some(tls) => match timeout(self.timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => Io::tls(stream, address, permit),
                Ok(Err(error)) => return self.refuse(address, &error.to_string()),
                Err(_) => return self.refuse(address, "it took too long"),
            },
        };
        let _stopped_meanwhile = self.sender.send(Ok(entered)).await;
    }

    fn refuse(&self, address: SocketAddr, reason: &str) {
        self.refusals.0.handshake.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(client.address = %address.ip(), reason, "TLS handshake with another node failed");
    }
}
