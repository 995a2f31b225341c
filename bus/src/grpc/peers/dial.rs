//! How a connection is made.
//!
//! Invariant: a connection counts as made once the other side has greeted as an HTTP/2 server does (RFC 9113, section 3.4).
//! Until then nothing of a call is sent, so that what accepts and never speaks, or speaks something else, or closes at once,
//! was never asked anything.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::client::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::oneshot,
    task::JoinError,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tonic::codegen::http::Uri;

use super::{Settings, link::Connection};
use crate::grpc::server::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, WINDOW, windows};

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("no connection")]
    Tcp(#[source] io::Error),
    #[error("the host's name is none that a certificate can have")]
    Name,
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    #[error("HTTP/2 failed")]
    Http(#[source] hyper::Error),
    #[error("no HTTP/2 server answers")]
    Silent,
    #[error("it took too long")]
    Late,
    #[error("connecting was ended")]
    Ended(#[source] JoinError),
}

/// What is connected to.
pub(super) struct Dial {
    address: SocketAddr,
    /// `host:port`, as it was configured.
    name: String,
    settings: Arc<Settings>,
}

impl Dial {
    pub(super) fn new(address: SocketAddr, name: &str, settings: Arc<Settings>) -> Self {
        Self { address, name: name.to_owned(), settings }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn connect(&self) -> Result<Connection, Unreachable> {
        timeout(self.settings.connect_timeout, self.connected()).await.unwrap_or(Err(Unreachable::Late))
    }

    async fn connected(&self) -> Result<Connection, Unreachable> {
        let stream = TcpStream::connect(self.address).await.map_err(Unreachable::Tcp)?;
        let _slower_otherwise = stream.set_nodelay(true);
        let Some(tls) = &self.settings.tls else { return self.greeted(stream, "http").await };
        let connector = TlsConnector::from(Arc::clone(tls));
        let stream = connector.connect(self.server_name()?, stream).await.map_err(Unreachable::Tls)?;
        self.greeted(stream, "https").await
    }

    fn server_name(&self) -> Result<ServerName<'static>, Unreachable> {
        let host = self.settings.server_name.as_deref().unwrap_or_else(|| host(&self.name));
        ServerName::try_from(host.to_owned()).map_err(|_| Unreachable::Name)
    }

    async fn greeted<S>(&self, stream: S, scheme: &str) -> Result<Connection, Unreachable>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let origin = Uri::builder().scheme(scheme).authority(self.name.as_str()).path_and_query("/").build();
        let origin = origin.map_err(|_| Unreachable::Name)?;
        let (stream, greeting) = Greeted::new(stream);
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(windows(self.settings.in_flight_max))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Unreachable::Http)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "connection to another node lost");
            }
        });
        greeting.await.map_err(|_| Unreachable::Silent)?;
        Ok(Connection::new(sender, origin))
    }
}

/// The host of a `host:port`, without the brackets of an IPv6 address.
fn host(name: &str) -> &str {
    let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Where the type stands in the head of a frame (RFC 9113, section 4.1), and that of a SETTINGS frame.
const TYPE_AT: usize = 3;
const SETTINGS: u8 = 4;

/// A stream that tells when the other side has begun its first frame as it must.
struct Greeted<S> {
    stream: S,
    seen: usize,
    greeting: Option<oneshot::Sender<()>>,
}

impl<S> Greeted<S> {
    fn new(stream: S) -> (Self, oneshot::Receiver<()>) {
        let (greeting, greeted) = oneshot::channel();
        (Self { stream, seen: 0, greeting: Some(greeting) }, greeted)
    }

    fn see(&mut self, bytes: &[u8]) {
        let kind = bytes.get(TYPE_AT.saturating_sub(self.seen)).filter(|_| self.seen <= TYPE_AT);
        self.seen = self.seen.saturating_add(bytes.len());
        if bytes.is_empty() || kind.is_some_and(|kind| *kind != SETTINGS) {
            self.greeting = None;
        } else if kind.is_some()
            && let Some(greeting) = self.greeting.take()
        {
            let _given_up = greeting.send(());
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(task, buffer))?;
        if self.greeting.is_some() {
            self.see(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of the greeting when the other side sends `pieces`.
    fn greeting(pieces: &[&[u8]]) -> Result<(), oneshot::error::TryRecvError> {
        let (mut stream, mut greeted) = Greeted::new(());
        for piece in pieces {
            stream.see(piece);
        }
        greeted.try_recv()
    }

    #[test]
    fn a_settings_frame_greets_however_it_is_cut() {
        assert_eq!(greeting(&[&[0, 0, 6, 4, 0, 0]]), Ok(()));
        assert_eq!(greeting(&[&[0], &[0, 6], &[4]]), Ok(()));
        assert_eq!(greeting(&[&[0, 0, 6], &[4, 0]]), Ok(()));
        assert_eq!(greeting(&[&[0, 0, 6]]), Err(oneshot::error::TryRecvError::Empty));
    }

    #[test]
    fn whatever_else_is_said_or_the_end_is_no_greeting() {
        for pieces in [&[b"HTTP/1.1 400".as_slice()][..], &[b"SSH", b"-2.0"], &[b""], &[b"\0", b""]] {
            assert_eq!(greeting(pieces), Err(oneshot::error::TryRecvError::Closed), "{pieces:?}");
        }
    }

    #[test]
    fn a_host_is_what_stands_before_the_port() {
        assert_eq!(host("session-1.example.org:7400"), "session-1.example.org");
        assert_eq!(host("127.0.0.1:7400"), "127.0.0.1");
        assert_eq!(host("[::1]:7400"), "::1");
    }
}
