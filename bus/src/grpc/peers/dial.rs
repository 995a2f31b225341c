//! How a connection is made.
//!
//! Invariant: a connection counts as made once the other side has greeted as an HTTP/2 server does (RFC 9113, section 3.4).
//! Until then nothing of a call is sent, so that what accepts and never speaks, or speaks something else, or closes at once,
//! was never asked anything.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::client::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinError,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tonic::codegen::http::Uri;

use super::{Settings, link::Connection, liveness::LiveStream};
use crate::grpc::server::{WINDOW, windows};

/// A node that says nothing for so long is asked whether it is there: a few times before its connection counts as dead.
const PING_AFTER: Duration = Duration::from_millis(500);
/// How long the answer may take. It waits behind all else that is on its way: as long as that comes, the node is there ([`LiveStream`]).
const PONG_WITHIN: Duration = Duration::from_secs(15);

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
        let (stream, greeting) = LiveStream::new(stream);
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_WITHIN)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_stands_before_the_port() {
        assert_eq!(host("session-1.example.org:7400"), "session-1.example.org");
        assert_eq!(host("127.0.0.1:7400"), "127.0.0.1");
        assert_eq!(host("[::1]:7400"), "::1");
    }
}
