//! Nodes that trust a private authority alone.

use std::{net::SocketAddr, sync::Arc};

use portico_bus::grpc::{Limits, Peers, Refusal, Refusals, Server, Settings};
use portico_kernel::{Ask, AskError, testkit::until};
use portico_session::Error;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tokio::net::TcpStream;

use crate::support::{Node, ask, ask_peers, live, session_asks, settings, state, validate};

/// A private authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Portico nodes");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name`, with its key.
    fn issue(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A server that wants certificates of this authority.
    fn server(&self, name: &str) -> ServerConfig {
        let verifier = WebPkiClientVerifier::builder(Arc::new(self.roots())).build().unwrap();
        let (chain, key) = self.issue(name);
        ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap()
    }

    /// A client that trusts this authority, with a certificate of `identity`'s.
    fn client(&self, identity: Option<&Authority>) -> ClientConfig {
        let trusting = ClientConfig::builder().with_root_certificates(self.roots());
        match identity {
            Some(authority) => {
                let (chain, key) = authority.issue("gateway");
                trusting.with_client_auth_cert(chain, key).unwrap()
            }
            None => trusting.with_no_client_auth(),
        }
    }
}

/// A node that speaks TLS by `config`, and its count of those that it refused.
fn node(config: &ServerConfig) -> (Node, Refusals) {
    serving(Server::new(Limits::default()).tls(config))
}

/// One that hosts sessions besides.
fn serving(server: Server) -> (Node, Refusals) {
    let asks = portico_session::Asks { validate: Ask::from_fn(|_| async { Ok(live()) }), ..session_asks() };
    let server = server.sessions(asks);
    let refusals = server.refusals();
    (Node::of(server), refusals)
}

async fn is_unavailable(settings: Settings) -> bool {
    matches!(ask(settings).ask(validate()).await, Err(Error::Ask(AskError::Unavailable)))
}

fn by_tls(address: SocketAddr, config: &ClientConfig) -> Settings {
    settings(&[address]).tls(config)
}

#[tokio::test]
async fn who_has_a_certificate_of_the_authority_is_served() {
    let authority = Authority::new();
    let (node, refusals) = node(&authority.server("127.0.0.1"));

    let ask = ask(by_tls(node.address, &authority.client(Some(&authority))));

    assert!(ask.ask(validate()).await.is_ok());
    assert_eq!(refusals.of(Refusal::Handshake), 0);
}

#[tokio::test]
async fn who_has_none_or_one_of_another_authority_is_refused_and_counted_and_asked_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (node, refusals) = node(&authority.server("127.0.0.1"));

    assert!(is_unavailable(by_tls(node.address, &authority.client(None))).await);
    until("it is counted", || refusals.of(Refusal::Handshake) == 1).await;
    assert!(is_unavailable(by_tls(node.address, &authority.client(Some(&stranger)))).await);
    until("it is counted", || refusals.of(Refusal::Handshake) == 2).await;
    assert!(is_unavailable(settings(&[node.address])).await, "without TLS");
    until("it is counted", || refusals.of(Refusal::Handshake) == 3).await;

    let welcome = by_tls(node.address, &authority.client(Some(&authority)));
    assert!(ask(welcome).ask(validate()).await.is_ok(), "others are unharmed");
}

#[tokio::test]
async fn a_node_whose_certificate_is_of_another_authority_or_for_another_name_is_not_asked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let client = authority.client(Some(&authority));

    let (foreign, _) = node(&stranger.server("127.0.0.1"));
    assert!(is_unavailable(by_tls(foreign.address, &client)).await);

    let (other, _) = node(&authority.server("user.portico"));
    assert!(is_unavailable(by_tls(other.address, &client)).await);
    assert!(is_unavailable(by_tls(other.address, &client).server_name("session.portico")).await);
    assert!(ask(by_tls(other.address, &client).server_name("user.portico")).ask(validate()).await.is_ok());
}

#[tokio::test]
async fn a_node_that_speaks_no_tls_is_not_asked_by_who_wants_it() {
    let authority = Authority::new();
    let plain = crate::support::answering(|| Ok(live()));
    let peers = Peers::new(by_tls(plain.address, &authority.client(Some(&authority))));

    assert!(matches!(ask_peers(&peers).ask(validate()).await, Err(Error::Ask(AskError::Unavailable))));
    assert!(!state(&peers, plain.address).healthy);
}

#[tokio::test]
async fn who_never_shakes_hands_is_sent_away_in_time() {
    let authority = Authority::new();
    let limits = Limits { handshake_timeout: std::time::Duration::from_millis(50), ..Limits::default() };
    let server = Server::new(limits).tls(&authority.server("127.0.0.1")).sessions(session_asks());
    let refusals = server.refusals();
    let node = Node::of(server);

    let mute = TcpStream::connect(node.address).await.unwrap();

    until("it is counted", || refusals.of(Refusal::Handshake) == 1).await;
    mute.readable().await.unwrap();
    assert_eq!(mute.try_read(&mut [0]).unwrap(), 0, "the connection is closed");
}

#[tokio::test]
async fn a_node_may_ask_only_what_one_of_its_names_lets_it_and_others_are_counted() {
    let authority = Authority::new();
    let (config, client) = (authority.server("127.0.0.1"), authority.client(Some(&authority)));
    let asked_by = |callers: [&str; 1]| serving(Server::new(Limits::default()).tls(&config).asked_by(callers));
    let ((open, admitted), (closed, refused)) = (asked_by(["gateway"]), asked_by(["user"]));

    assert!(ask(by_tls(open.address, &client)).ask(validate()).await.is_ok());
    assert!(is_unavailable(by_tls(closed.address, &client)).await, "it never ran");

    assert_eq!((admitted.of(Refusal::Role), refused.of(Refusal::Role)), (0, 1));
}

#[tokio::test]
async fn who_speaks_without_tls_is_trusted_whatever_it_is() {
    let (node, refusals) = serving(Server::new(Limits::default()).asked_by(["user"]));

    assert!(ask(settings(&[node.address])).ask(validate()).await.is_ok());
    assert_eq!(refusals.of(Refusal::Role), 0);
}
