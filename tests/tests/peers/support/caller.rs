//! Whoever asks a node over gRPC, and knows nothing of Portico.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{VALIDATE, no_session};

/// Longer than a node takes to answer or to refuse.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// A connection over which calls are made.
pub(crate) struct Caller {
    calls: SendRequest<Bytes>,
    /// The certificate that the node showed.
    pub(crate) shown: CertificateDer<'static>,
}

/// Why there was no answer.
pub(crate) type Refused = Box<dyn std::error::Error + Send + Sync>;

impl Caller {
    /// Connects, and expects a node that hosts sessions.
    ///
    /// # Errors
    /// The node, or this side, wants nothing of the other.
    pub(crate) async fn connect(to: SocketAddr, tls: ClientConfig) -> Result<Self, Refused> {
        let stream = shake_hands(TcpStream::connect(to).await?, tls).await?;
        let shown = stream.get_ref().1.peer_certificates().expect("nodes show one")[0].clone().into_owned();
        let (calls, connection) = h2::client::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self { calls, shown })
    }

    /// Asks whose session a token opens that opens none.
    ///
    /// # Errors
    /// The connection was ended.
    pub(crate) async fn validate(&self) -> Result<u32, Refused> {
        self.call(VALIDATE).await
    }

    /// Makes a call, and tells the status that it was answered with.
    ///
    /// # Errors
    /// As [`Self::validate`].
    pub(crate) async fn call(&self, path: &str) -> Result<u32, Refused> {
        timeout(PATIENCE, self.called(path)).await?
    }

    async fn called(&self, path: &str) -> Result<u32, Refused> {
        let request = Request::post(format!("https://session{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let (answer, mut body) = self.calls.clone().ready().await?.send_request(request, false)?;
        let _refused_before_it_was_read = body.send_data(no_session().into(), true);
        let mut answer = answer.await?;
        if let Some(status) = status(answer.headers()) {
            return Ok(status);
        }
        while let Some(data) = answer.body_mut().data().await {
            let length = data?.len();
            answer.body_mut().flow_control().release_capacity(length)?;
        }
        let trailers = answer.body_mut().trailers().await?;
        trailers.as_ref().and_then(status).ok_or_else(|| "an answer without a status".into())
    }
}

/// The handshake of a client that expects a node with sessions.
pub(super) async fn shake_hands(stream: TcpStream, tls: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("session").expect("it is a name");
    TlsConnector::from(Arc::new(tls)).connect(name, stream).await
}

fn status(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}
