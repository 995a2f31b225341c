//! By what nodes know each other: certificates of a private authority, taken anew when their files change.
//!
//! Invariant: what cannot be used, such as a certificate whose key has not come yet, replaces nothing.

mod verify;

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use portico_config::NodeTls;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SignatureScheme,
    client::{ResolvesClientCert, WebPkiServerVerifier},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
    version::TLS13,
};

use crate::exit::Failure;

/// How often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

/// A node's own certificate, and whom it believes. Cheap to clone; clones share what was taken last.
#[derive(Debug, Clone)]
pub(crate) struct Trust(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: Files,
    current: RwLock<Arc<Material>>,
}

#[derive(Debug)]
struct Material {
    own: Arc<CertifiedKey>,
    of_clients: Arc<dyn rustls::server::danger::ClientCertVerifier>,
    of_servers: Arc<WebPkiServerVerifier>,
}

impl Trust {
    /// Takes what the configuration names; none if it names nothing.
    ///
    /// # Errors
    /// The operator's: a file cannot be used.
    pub(crate) fn open(tls: &NodeTls) -> Result<Option<Self>, Failure> {
        let Some(files) = Files::of(tls) else { return Ok(None) };
        let material = files.read().map_err(Failure::config)?;
        Ok(Some(Self(Arc::new(Shared { files, current: RwLock::new(Arc::new(material)) }))))
    }

    /// TLS to other nodes.
    pub(crate) fn client(&self) -> ClientConfig {
        ClientConfig::builder_with_protocol_versions(&[&TLS13])
            .dangerous() // the verifier is the library's own, and may be another one tomorrow
            .with_custom_certificate_verifier(Arc::new(self.clone()))
            .with_client_cert_resolver(Arc::new(self.clone()))
    }

    /// TLS with other nodes, each of which must prove what it is.
    pub(crate) fn server(&self) -> ServerConfig {
        ServerConfig::builder_with_protocol_versions(&[&TLS13])
            .with_client_cert_verifier(Arc::new(self.clone()))
            .with_cert_resolver(Arc::new(self.clone()))
    }

    /// Takes files anew whenever they have changed. It never ends.
    pub(crate) async fn watch(self) {
        let mut seen = self.0.files.look();
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            let found = self.0.files.look();
            if found == seen {
                continue;
            }
            match self.0.files.read() {
                Ok(material) => {
                    *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(material);
                    tracing::info!("certificates of nodes were taken anew");
                }
                Err(reason) => tracing::warn!(reason, "certificates of nodes have changed and cannot be used yet"),
            }
            seen = found;
        }
    }

    fn current(&self) -> Arc<Material> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Trust {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().own))
    }
}

impl ResolvesClientCert for Trust {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().own))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
}

impl Files {
    fn of(tls: &NodeTls) -> Option<Self> {
        let NodeTls { certificate_file, key_file, ca_file } = tls.clone();
        Some(Self { certificate: certificate_file?, key: key_file?, authority: ca_file? })
    }

    /// What tells whether each was changed or replaced; none of one that is not there.
    fn look(&self) -> [Option<(u64, SystemTime)>; 3] {
        let look = |file: &PathBuf| {
            let found = fs::metadata(file).ok()?;
            Some((found.ino(), found.modified().ok()?))
        };
        [&self.certificate, &self.key, &self.authority].map(look)
    }

    /// # Errors
    /// Which key of the configuration names what cannot be used, and why not.
    fn read(&self) -> Result<Material, String> {
        let wrong = |key: &str| {
            let key = format!("node.tls.{key}");
            move |error: &dyn std::fmt::Display| format!("{key}: {error}")
        };
        let chain = certificates(&self.certificate).map_err(|error| wrong("certificate_file")(&error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| wrong("key_file")(&error))?;
        let own = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let own = own.map_err(|error| wrong("certificate_file")(&error))?;
        let mut roots = RootCertStore::empty();
        for authority in certificates(&self.authority).map_err(|error| wrong("ca_file")(&error))? {
            roots.add(authority).map_err(|error| wrong("ca_file")(&error))?;
        }
        let roots = Arc::new(roots);
        let of_clients = WebPkiClientVerifier::builder(Arc::clone(&roots)).build();
        let of_servers = WebPkiServerVerifier::builder(roots).build();
        Ok(Material {
            own: Arc::new(own),
            of_clients: of_clients.map_err(|error| wrong("ca_file")(&error))?,
            of_servers: of_servers.map_err(|error| wrong("ca_file")(&error))?,
        })
    }
}

fn certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, io::Error> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(io::Error::other("holds no certificate in PEM format")),
        read => read.map_err(io::Error::other),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use portico_config::Role;
    use rustls::pki_types::ServerName;
    use tempfile::TempDir;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        task::JoinHandle,
    };
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::{cli::CertsCommand, commands::certs};

    /// A directory with an authority, and the certificate of a node that hosts sessions.
    fn issued() -> (TempDir, NodeTls) {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path().to_owned();
        certs::run(&CertsCommand::Init { dir: dir.clone(), days: 10 }).unwrap();
        let roles = vec![Role::Session];
        certs::run(&CertsCommand::Issue { dir: dir.clone(), roles, operator: false, name: None, days: 5 }).unwrap();
        let file = |name: &str| Some(dir.join(name));
        let tls =
            NodeTls { certificate_file: file("session.pem"), key_file: file("session.key"), ca_file: file("ca.pem") };
        (directory, tls)
    }

    fn renew(directory: &TempDir, within_days: u32) {
        certs::run(&CertsCommand::Renew { dir: directory.path().to_owned(), within_days, days: 90 }).unwrap();
    }

    fn exchange(one: &Path, other: &Path) {
        let between = one.with_extension("between");
        for (from, to) in [(one, &*between), (other, one), (&between, other)] {
            fs::rename(from, to).unwrap();
        }
    }

    fn own(trust: &Trust) -> CertificateDer<'static> {
        trust.current().own.cert[0].clone()
    }

    fn watched(trust: &Trust) -> JoinHandle<()> {
        tokio::spawn(trust.clone().watch())
    }

    /// The files are looked at once more, and what is found there is taken.
    async fn looked_at() {
        tokio::time::sleep(LOOKED_AT_EVERY * 2).await;
    }

    #[tokio::test]
    async fn nodes_of_one_authority_know_each_other_by_their_roles() {
        let (_directory, tls) = issued();
        let trust = Trust::open(&tls).unwrap().unwrap();
        let speak = async |name: &'static str| {
            let (client, server) = tokio::io::duplex(16 * 1024);
            let accepted = TlsAcceptor::from(Arc::new(trust.server())).accept(server);
            let name = ServerName::try_from(name).unwrap();
            let connected = TlsConnector::from(Arc::new(trust.client())).connect(name, client);
            let (accepted, connected) = tokio::join!(accepted, connected);
            let (mut accepted, mut connected) = (accepted.ok()?, connected.ok()?);
            connected.write_all(b"?").await.ok()?;
            accepted.read_u8().await.ok()
        };

        assert_eq!(speak("session").await, Some(b'?'));
        assert_eq!(speak("user").await, None, "it is another role");
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_that_is_renewed_is_taken_anew() {
        let (directory, tls) = issued();
        let trust = Trust::open(&tls).unwrap().unwrap();
        let (_watching, before) = (watched(&trust), own(&trust));

        renew(&directory, 4);
        looked_at().await;
        assert_eq!(own(&trust), before, "it was good for five days more");

        renew(&directory, 6);
        looked_at().await;
        assert_ne!(own(&trust), before);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_go_together_replaces_nothing() {
        let (directory, tls) = issued();
        let trust = Trust::open(&tls).unwrap().unwrap();
        let (_watching, before) = (watched(&trust), own(&trust));
        let [key, other] = ["session.key", "other.key"].map(|name| directory.path().join(name));
        fs::rename(&key, &other).unwrap();

        renew(&directory, 6);
        exchange(&key, &other);
        looked_at().await;
        assert_eq!(own(&trust), before, "the key is that of the one before");

        exchange(&key, &other);
        looked_at().await;
        assert_ne!(own(&trust), before);
    }

    #[test]
    fn an_authority_is_made_once_and_signs_for_no_name_that_is_no_file() {
        let (directory, _) = issued();
        let dir = directory.path().to_owned();

        assert!(certs::run(&CertsCommand::Init { dir: dir.clone(), days: 10 }).is_err());
        for name in ["ca", "../session", "a b", ""] {
            let (roles, name) = (vec![Role::User], Some(name.to_owned()));
            assert!(
                certs::run(&CertsCommand::Issue { dir: dir.clone(), roles, operator: false, name, days: 5 }).is_err()
            );
        }
    }
}
