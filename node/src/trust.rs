//! By what nodes know each other: certificates of a private authority.

use std::{path::Path, sync::Arc};

use portico_config::NodeTls;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

use crate::exit::Failure;

/// TLS to other nodes; none if the configuration has none.
///
/// # Errors
/// The operator's: a file cannot be used.
pub(crate) fn client(tls: &NodeTls) -> Result<Option<ClientConfig>, Failure> {
    let Some(files) = Files::of(tls) else { return Ok(None) };
    let (chain, key) = files.own()?;
    let config = ClientConfig::builder().with_root_certificates(files.authority()?).with_client_auth_cert(chain, key);
    config.map(Some).map_err(|error| Failure::config(format!("node.tls.certificate_file: {error}")))
}

/// TLS with other nodes, each of which must prove what it is; none if the configuration has none.
///
/// # Errors
/// The operator's: a file cannot be used.
pub(crate) fn server(tls: &NodeTls) -> Result<Option<ServerConfig>, Failure> {
    let Some(files) = Files::of(tls) else { return Ok(None) };
    let (chain, key) = files.own()?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(files.authority()?)).build();
    let verifier = verifier.map_err(|error| Failure::config(format!("node.tls.ca_file: {error}")))?;
    let config = ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key);
    config.map(Some).map_err(|error| Failure::config(format!("node.tls.certificate_file: {error}")))
}

struct Files<'a> {
    certificate: &'a Path,
    key: &'a Path,
    authority: &'a Path,
}

impl<'a> Files<'a> {
    fn of(tls: &'a NodeTls) -> Option<Self> {
        let NodeTls { certificate_file, key_file, ca_file } = tls;
        Some(Self {
            certificate: certificate_file.as_deref()?,
            key: key_file.as_deref()?,
            authority: ca_file.as_deref()?,
        })
    }

    fn own(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Failure> {
        let key = PrivateKeyDer::from_pem_file(self.key);
        let key = key.map_err(|error| Failure::config(format!("node.tls.key_file: {error}")))?;
        Ok((certificates("certificate_file", self.certificate)?, key))
    }

    fn authority(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca_file", self.authority)? {
            roots.add(certificate).map_err(|error| Failure::config(format!("node.tls.ca_file: {error}")))?;
        }
        Ok(roots)
    }
}

fn certificates(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Failure::config(format!("node.tls.{key}: holds no certificate in PEM format"))),
        Err(error) => Err(Failure::config(format!("node.tls.{key}: {error}"))),
    }
}
