//! A connection that was let in, and who is at its other end.
//!
//! Invariant: the last word gets through. A socket that is closed while something unread waits at it is reset, and its other
//! side may then never read which of its calls were not heeded; so what still comes is read for a while after the end was said.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// How long the other side has to close its end of a connection that this one has ended.
const LINGERS: Duration = Duration::from_secs(1);

/// Who calls; every request has it in its extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The other end's address.
    pub address: SocketAddr,
    /// The certificates that it proved to have, its own first; none without TLS.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// The DNS names in its own certificate: what it is, where nodes are named by that.
    pub names: Arc<[String]>,
}

/// A connection that counts among those of the server for as long as it lasts.
pub(super) struct Io {
    transport: Transport,
    caller: Caller,
    /// Since the end was said.
    lingering: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    pub(super) fn plain(stream: TcpStream, address: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        let caller = Caller { address, certificates: Arc::default(), names: Arc::default() };
        Self { transport: Transport::Plain(stream), caller, lingering: None, _permit: permit }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, address: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        let certificates: Arc<[_]> = stream.get_ref().1.peer_certificates().unwrap_or_default().into();
        let names = certificates.first().map(|own| names(own).into()).unwrap_or_default();
        let caller = Caller { address, certificates, names };
        Self { transport: Transport::Tls(Box::new(stream)), caller, lingering: None, _permit: permit }
    }

    fn poll_end(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(task),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(task),
        }
    }

    /// Reads what still comes, until there is no more.
    fn poll_rest(&mut self, task: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut room = [0; 1024];
            let mut buffer = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut *self).poll_read(task, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

/// The DNS names of a certificate; none if it cannot be read, though it was believed.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let read = || {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let names = certificate.subject_alternative_name().ok()??.value.general_names.iter();
        let dns = names.filter_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None });
        Some(dns.map(str::to_owned).collect())
    };
    read().unwrap_or_default()
}

impl Connected for Io {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(task, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(task, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(task, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(task, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(task, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(task, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(task),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(task),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(self.poll_end(task))?;
            self.lingering = Some(Box::pin(sleep(LINGERS)));
        }
        if self.poll_rest(task).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let over = self.lingering.as_mut().map(|lingering| lingering.as_mut().poll(task).map(Ok));
        over.unwrap_or(Poll::Ready(Ok(())))
    }
}
