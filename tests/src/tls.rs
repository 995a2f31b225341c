//! TLS before a server that speaks none, by the certificate of its set.

use std::{net::SocketAddr, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::Servers;

/// A way to a server that begins with TLS. Dropping this ends it for new connections.
pub struct TlsFront {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl TlsFront {
    /// Before `server`, which is one of `servers`; their CA vouches for it under 127.0.0.1.
    ///
    /// # Panics
    /// When no port can be had, or the set has no certificate.
    pub async fn of(servers: &Servers, server: SocketAddr) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(&servers.directory().join("tls"))));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(acceptor.clone(), client, server));
            }
        });
        Self { address, accepting }
    }

    /// Where to connect in place of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn config(directory: &Path) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(directory.join("server.pem")).expect("the set has a certificate");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("it is one");
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).expect("the set has its key");
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together")
}

/// Ends when either side does; a client that does not trust the certificate ends it at once.
async fn pass(acceptor: TlsAcceptor, client: TcpStream, server: SocketAddr) {
    let Ok(mut client) = acceptor.accept(client).await else { return };
    if let Ok(mut server) = TcpStream::connect(server).await {
        let _ended = copy_bidirectional(&mut client, &mut server).await;
    }
}
