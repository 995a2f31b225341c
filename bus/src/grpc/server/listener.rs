//! Lets connections in: so many, and only those that shake hands and greet as HTTP/2 wants it, in time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{Stream, stream::poll_fn};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    Limits,
    io::Io,
    quota::{ConnectionPermit, Quotas},
    refusals::{Refusal, Refusals},
};

/// Connections that were let in and not yet served.
const WAITING_MAX: usize = 16;
/// The wait after the system could not accept, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(50);

/// What comes in at `listener`, until it is dropped.
pub(super) fn connections(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    refusals: Refusals,
) -> impl Stream<Item = io::Result<Io>> + Send {
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let quotas = Quotas::new(limits);
    let acceptor = Acceptor { sender, tls: tls.map(TlsAcceptor::from), timeout: limits.handshake_timeout, refusals };
    tokio::spawn(async move {
        tokio::select! {
            () = accept(&listener, &acceptor, &quotas) => {},
            () = acceptor.sender.closed() => {},
        }
    });
    poll_fn(move |task| receiver.poll_recv(task))
}

async fn accept(listener: &TcpListener, acceptor: &Acceptor, quotas: &Quotas) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => match quotas.connect(address.ip()) {
                Ok(permit) => {
                    tokio::spawn(acceptor.clone().enter(stream, address, permit));
                }
                Err(reason) => acceptor.refusals.note(Refusal::Full, address, &reason),
            },
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "connection not accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

#[derive(Clone)]
struct Acceptor {
    sender: mpsc::Sender<io::Result<Io>>,
    tls: Option<TlsAcceptor>,
    timeout: Duration,
    refusals: Refusals,
}

impl Acceptor {
    async fn enter(self, stream: TcpStream, address: SocketAddr, permit: ConnectionPermit) {
        let _slower_otherwise = stream.set_nodelay(true);
        match self.let_in(stream, address, permit).await {
            Ok(io) => {
                let _stopped_meanwhile = self.sender.send(Ok(io)).await;
            }
            Err((refusal, error)) => self.refusals.note(refusal, address, &error),
        }
    }

    /// The connection, once it has shown that it is one of a node.
    async fn let_in(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        permit: ConnectionPermit,
    ) -> Result<Io, (Refusal, io::Error)> {
        let mut io = match &self.tls {
            None => Io::plain(stream, address, permit),
            Some(tls) => {
                let shaken = self.in_time(tls.accept(stream)).await;
                Io::tls(shaken.map_err(|error| (Refusal::Handshake, error))?, address, permit)
            }
        };
        self.in_time(io.greeted()).await.map_err(|error| (Refusal::Protocol, error))?;
        Ok(io)
    }

    async fn in_time<T>(&self, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"));
        timeout(self.timeout, step).await.unwrap_or_else(late)
    }
}
