//! The certificates of `portico certs`, and TLS by them.

use std::{path::PathBuf, sync::Arc};

use portico_tests::Home;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::TLS13,
};

/// A private authority in a directory.
#[derive(Clone)]
pub(crate) struct Certs {
    directory: PathBuf,
}

impl Certs {
    /// A new authority, in a directory of `home` that has this name.
    pub(crate) fn new(home: &Home, name: &str) -> Self {
        let certs = Self { directory: home.path().join(name) };
        certs.run(home, &["init"]);
        certs
    }

    /// Issues `name`.pem and `name`.key for nodes of these roles.
    pub(crate) fn issue(&self, home: &Home, name: &str, roles: &[&str], days: &str) {
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        let rest = ["--name", name, "--days", days];
        self.run(home, &["issue"].into_iter().chain(roles).chain(rest).collect::<Vec<_>>());
    }

    /// Issues all anew, each with a new key.
    pub(crate) fn renew(&self, home: &Home) {
        self.run(home, &["renew", "--within-days", "1000"]);
    }

    fn run(&self, home: &Home, arguments: &[&str]) {
        let directory = self.directory.to_str().expect("it is plain");
        let exit = home.run(&[&["certs"], arguments, &["--dir", directory]].concat());
        assert!(exit.status.success(), "{exit:?}");
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The settings of a node that has this certificate.
    pub(crate) fn settings(&self, name: &str) -> Vec<(String, String)> {
        [("certificate", format!("{name}.pem")), ("key", format!("{name}.key")), ("ca", "ca.pem".to_owned())]
            .map(|(key, file)| (format!("node.tls.{key}_file"), self.file(&file).display().to_string()))
            .into()
    }

    /// TLS that trusts this authority, and shows the certificate `shown` of `whose`, if any.
    pub(crate) fn client(&self, shown: Option<(&Certs, &str)>) -> ClientConfig {
        self.client_by(shown, &TLS13)
    }

    /// The same of another version of TLS.
    pub(crate) fn client_by(
        &self,
        shown: Option<(&Certs, &str)>,
        version: &'static SupportedProtocolVersion,
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("ring speaks it")
            .with_root_certificates(self.roots());
        let mut config = match shown {
            Some((whose, name)) => builder.with_client_auth_cert(whose.chain(name), whose.key(name)).expect("they fit"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// TLS of a node with the certificate `name`, which asks nobody for one.
    pub(crate) fn server(&self, name: &str) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks it")
            .with_no_client_auth()
            .with_single_cert(self.chain(name), self.key(name))
            .expect("they fit");
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_file(self.file(&format!("{name}.pem"))).expect("it is a certificate")]
    }

    fn key(&self, name: &str) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).expect("it is a key")
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.chain("ca").remove(0)).expect("it is an authority's");
        roots
    }
}
