//! TLS from files. The certificate is made for these tests, names localhost and is valid for a hundred years.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use portico_config::Config;
use portico_gateway::{Gateway, NoMetrics, ServeError};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, Stream,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::world::{self, world_with};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rest/tls").join(name)
}

fn with_tls(config: &mut Config) {
    config.gateway.public_url = "https://localhost".into();
    config.gateway.tls.certificate_file = Some(file("certificate.pem"));
    config.gateway.tls.key_file = Some(file("key.pem"));
}

/// What a client that trusts the certificate reads from `address`.
fn get(address: SocketAddr, path: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("certificate.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let mut connection = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let mut stream = Stream::new(&mut connection, &mut socket);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _closed_without_notice = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[actix_web::test]
async fn tls_is_served_from_the_configured_files() {
    let world = world_with(with_tls, |_| {}).await;

    let address = world.address;
    let answer = actix_web::rt::task::spawn_blocking(move || get(address, "/me")).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
}

#[actix_web::test]
async fn files_that_do_not_hold_what_they_should_are_told_apart() {
    let serve = |certificate: &str, key: &str| {
        let mut config = world::config();
        config.gateway.tls.certificate_file = Some(file(certificate));
        config.gateway.tls.key_file = Some(file(key));
        let (asks, draining) = (world::asks(&Arc::new(world::Seen::new())), Arc::new(AtomicBool::new(false)));
        let gateway = Gateway::new(&config, asks, world::SECRET, draining, Arc::new(NoMetrics));
        gateway.serve().err()
    };

    for (certificate, key) in [("missing.pem", "key.pem"), ("certificate.pem", "certificate.pem")] {
        let error = serve(certificate, key);
        assert!(matches!(error, Some(ServeError::Tls(_))), "{certificate} {key}: {error:?}");
    }
}
