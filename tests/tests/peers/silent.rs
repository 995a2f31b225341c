//! Peers that take calls and never answer: callers are told in time, and others are asked instead.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use portico_tests::{Answer, Client, Member};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{Mesh, register, try_to_register};

/// How long a request may take at the front.
const DEADLINE_MS: &str = "1500";
/// Requests that are made at once.
const AT_ONCE: usize = 8;
/// When it must be over even on a machine that is busy.
const OVER_WITHIN: Duration = Duration::from_secs(5);

/// A peer that takes connections. It ends when it is dropped.
struct Silent {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Silent {
    async fn new<F: Future<Output = ()> + Send + 'static>(hold: impl Fn(TcpStream) -> F + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hold(stream));
            }
        });
        Self { address, accepting }
    }

    /// One that accepts connections and never says a word.
    async fn from_the_first_byte() -> Self {
        Self::new(|stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await
    }

    /// One that is a node by its certificate and its greeting, and answers no call.
    async fn once_it_was_asked(mesh: &Mesh) -> Self {
        let tls = TlsAcceptor::from(Arc::new(mesh.certs.server("session")));
        Self::new(move |stream| {
            let tls = tls.clone();
            async move {
                let Ok(stream) = tls.accept(stream).await else { return };
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                let mut calls = Vec::new();
                while let Some(Ok(call)) = connection.accept().await {
                    calls.push(call);
                }
            }
        })
        .await
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What came of requests that ask for a session.
#[derive(Debug, Default)]
struct Outcomes {
    served: u64,
    failed: u64,
}

/// Asks so often, and so much at once that no peer is left alone because it is busy.
async fn ask(client: &Client, times: usize) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for _ in 0..times / AT_ONCE {
        for answer in join_all((0..AT_ONCE).map(|_| in_time(client))).await {
            match answer.status {
                200 => outcomes.served += 1,
                503 | 504 => outcomes.failed += 1,
                status => panic!("{status}: {}", String::from_utf8_lossy(&answer.bytes)),
            }
        }
    }
    outcomes
}

async fn in_time(client: &Client) -> Answer {
    let begun = Instant::now();
    let answer = client.get("/me").await;
    assert!(begun.elapsed() < OVER_WITHIN, "{:?}", begun.elapsed());
    answer
}

async fn of_peer(front: &Member, name: &str, peer: &Silent) -> u64 {
    front.metric(name, &format!("server_address=\"{}\"", peer.address)).await
}

#[tokio::test]
async fn a_peer_that_answers_no_call_is_left_out_and_the_other_one_serves() {
    const TIMES: usize = 96;
    let mesh = Mesh::new().await;
    let silent = Silent::once_it_was_asked(&mesh).await;
    let front = mesh
        .front_of(&[silent.address, mesh.session.address()], &[("gateway.deadlines.request_ms", DEADLINE_MS)])
        .await;
    let ann = served_soon(&front).await;

    let outcomes = ask(&ann, TIMES).await;

    assert!(outcomes.served > TIMES as u64 / 2, "{outcomes:?}");
    assert!(of_peer(&front, "portico_node_ejections", &silent).await >= 1, "{outcomes:?}");
    let failures = of_peer(&front, "portico_node_failures", &silent).await;
    assert!(outcomes.failed <= failures, "none failed but those that tried it: {outcomes:?} of {failures}");
}

/// Somebody who was signed up as soon as that was possible.
async fn served_soon(front: &Member) -> Client {
    for tried in 0..10 {
        match try_to_register(&front.client(), &format!("ann{tried}")).await {
            Ok(ann) => return ann,
            Err(answer) => assert!([503, 504].contains(&answer.status), "{answer:?}"),
        }
    }
    panic!("the other one never served");
}

#[tokio::test]
async fn a_peer_that_never_greets_is_asked_nothing_and_the_other_one_serves_all() {
    let mesh = Mesh::new().await;
    let silent = Silent::from_the_first_byte().await;
    let front = mesh.front_of(&[silent.address, mesh.session.address()], &[]).await;

    let ann = register(&front.client(), "ann").await;
    let outcomes = ask(&ann, 32).await;

    assert_eq!((outcomes.served, outcomes.failed), (32, 0));
    assert!(of_peer(&front, "portico_node_failures", &silent).await >= 1);
}

#[tokio::test]
async fn where_every_peer_is_silent_callers_are_told_by_their_deadline() {
    let mesh = Mesh::new().await;
    let silent = Silent::once_it_was_asked(&mesh).await;
    let front = mesh.front_of(&[silent.address], &[("gateway.deadlines.request_ms", DEADLINE_MS)]).await;
    let somebody = front.client().with_token(&"A".repeat(43));

    let outcomes = ask(&somebody, 8).await;

    assert_eq!((outcomes.served, outcomes.failed), (0, 8));
    assert!(of_peer(&front, "portico_node_ejections", &silent).await >= 1);
}
