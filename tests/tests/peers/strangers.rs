//! Whatever else comes to the port of a node.

use std::net::SocketAddr;

use futures_util::future::join_all;
use portico_tests::eventually;
use tokio::net::TcpStream;

use crate::support::{Caller, Mesh, Raw, UNAUTHENTICATED, has_refused, refused, register, told};

/// A TLS record that begins a handshake of 512 bytes, and the first four of them (RFC 8446, sections 4 and 5.1).
const HALF_A_HELLO: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

async fn connected(to: SocketAddr, first: &[u8]) -> Raw<TcpStream> {
    let mut stranger = Raw::connect(to).await;
    stranger.write(first).await;
    stranger
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_sent_away_in_time_and_counted() {
    let mesh = Mesh::new().await;
    let address = mesh.session.address();
    let noise = fastrand::Rng::with_seed(7).u128(..).to_be_bytes().repeat(1024);
    let said: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: node\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &noise,
        &HALF_A_HELLO,
        b"",
    ];

    join_all(said.map(|said| async move { connected(address, said).await.sent_away().await })).await;

    has_refused(&mesh.session, "handshake", 6).await;
    register(&mesh.front().await.client(), "ann").await;
    assert!(told(&mesh.session).await.len() < 6, "the others are told by their number");
}

#[tokio::test]
async fn a_node_that_does_not_greet_as_http_2_wants_it_is_sent_away_in_time_and_counted() {
    let mesh = Mesh::new().await;
    let address = mesh.session.address();
    let said: [&[u8]; 3] = [b"GET / HTTP/1.1\r\nHost: node\r\n\r\n", b"PRI * HTTP/2.0\r\n", b""];

    let tls = || mesh.certs.client(Some((&mesh.certs, "front")));
    join_all(said.map(|said| async move {
        let mut peer = Raw::connect(address).await.by_tls(tls()).await.expect("it is a node");
        peer.write(said).await;
        peer.sent_away().await;
    }))
    .await;

    has_refused(&mesh.session, "protocol", 3).await;
    register(&mesh.front().await.client(), "ann").await;
}

#[tokio::test]
async fn strangers_that_hold_all_they_can_get_leave_room_for_nodes() {
    const STRANGERS: usize = 1500; // more than a node has connections
    let mesh = Mesh::new().await;
    let address = mesh.session.address();

    let held = join_all((0..STRANGERS).map(|_| connected(address, &HALF_A_HELLO))).await;

    eventually("most are sent away", || async { (refused(&mesh.session, "full").await > 1000).then_some(()) }).await;
    let tls = mesh.certs.client(Some((&mesh.certs, "front")));
    let caller = Caller::connect(address, tls).await.expect("there is room");
    assert_eq!(caller.validate().await.expect("it is answered"), UNAUTHENTICATED);
    drop(held);
}
