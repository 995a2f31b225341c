//! Whether a certificate and a key can serve TLS, before anything starts that would need them.

use std::path::Path;

use rustls::{
    Error, InconsistentKeys,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

/// What is wrong, as (key below `gateway.tls`, what is wrong).
pub(crate) fn complaints(certificate_file: &Path, key_file: &Path) -> Vec<(&'static str, String)> {
    let chain = CertificateDer::pem_file_iter(certificate_file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = match chain {
        Ok(chain) if chain.is_empty() => Err("holds no certificate in PEM format".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("holds no certificate in PEM format: {error}")),
    };
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| error.to_string())
        .and_then(|key| ring::default_provider().key_provider.load_private_key(key).map_err(|error| error.to_string()));
    let key = key.map_err(|error| format!("holds no private key in PEM format that can be used: {error}"));
    match (chain, key) {
        (Ok(chain), Ok(key)) => match CertifiedKey::new(chain, key).keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Vec::new(),
            Err(Error::InconsistentKeys(_)) => vec![("key_file", "is not the key of certificate_file".to_owned())],
            Err(error) => vec![("certificate_file", format!("cannot be used: {error}"))],
        },
        (chain, key) => {
            let of = |name, broken: Option<String>| broken.map(|detail| (name, detail));
            of("certificate_file", chain.err()).into_iter().chain(of("key_file", key.err())).collect()
        }
    }
}
