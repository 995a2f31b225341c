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
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::quota::{AddressQuota, ConnectionPermit};

/// What a client begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
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
    /// What its address may have.
    pub(super) quota: Arc<AddressQuota>,
}

/// A connection that counts among those of the server for as long as it lasts.
pub(super) struct Io {
    transport: Transport,
    caller: Caller,
    /// What was read of the greeting already, and is to be read again.
    greeting: &'static [u8],
    /// Since the end was said.
    lingering: Option<Pin<Box<Sleep>>>,
    _permit: ConnectionPermit,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    pub(super) fn plain(stream: TcpStream, address: SocketAddr, permit: ConnectionPermit) -> Self {
        Self::new(Transport::Plain(stream), address, Arc::default(), permit)
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, address: SocketAddr, permit: ConnectionPermit) -> Self {
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default().into();
        Self::new(Transport::Tls(Box::new(stream)), address, certificates, permit)
    }

    fn new(
        transport: Transport,
        address: SocketAddr,
        certificates: Arc<[CertificateDer<'static>]>,
        permit: ConnectionPermit,
    ) -> Self {
        let names = certificates.first().map(|own| names(own).into()).unwrap_or_default();
        let caller = Caller { address, certificates, names, quota: Arc::clone(&permit.quota) };
        Self { transport, caller, greeting: &[], lingering: None, _permit: permit }
    }

    /// Waits until the other side has greeted as a client of HTTP/2 does, and no longer than it does so.
    pub(super) async fn greeted(&mut self) -> io::Result<()> {
        let (mut seen, mut length) = ([0; PREFACE.len()], 0);
        while length < PREFACE.len() {
            let read = self.read(&mut seen[length..]).await?;
            length += read;
            if read == 0 || !PREFACE.starts_with(&seen[..length]) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not greet as HTTP/2 does"));
            }
        }
        self.greeting = PREFACE;
        Ok(())
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
        if !self.greeting.is_empty() {
            let (now, later) = self.greeting.split_at(self.greeting.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
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
