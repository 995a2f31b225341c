//! TLS from PEM files, by rustls with ring.

use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("{file} cannot be read as PEM")]
    File {
        /// Which file.
        file: String,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not fit together or are of no accepted kind.
    #[error("certificate and key cannot be used")]
    Pair(#[from] rustls::Error),
}

/// Serves TLS 1.2 and 1.3 with a certificate chain and its key.
pub(crate) fn server_config(certificate_file: &Path, key_file: &Path) -> Result<ServerConfig, TlsError> {
    let unreadable = |file: &Path| {
        let file = file.display().to_string();
        move |source| TlsError::File { file, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(certificate_file))?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(unreadable(key_file))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_single_cert(chain, key)?)
}
