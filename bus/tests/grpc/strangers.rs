//! What a node bears of strangers and of peers that are broken: each is refused and counted, and others are unharmed.

use std::{
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use portico_bus::grpc::{Limits, Refusal, Refusals, Server};
use portico_kernel::{Ask, AskError, testkit::until};
use portico_session::{Asks, Error, Validate};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::support::{Node, ask, live, session_asks, settings, validate};

/// A node that answers validations by `validate`, and what it refuses.
fn node(limits: Limits, validate: Ask<Validate>) -> (Node, Refusals) {
    let server = Server::new(limits).sessions(Asks { validate, ..session_asks() });
    let refusals = server.refusals();
    (Node::of(server), refusals)
}

fn alive() -> Ask<Validate> {
    Ask::from_fn(|_| async { Ok(live()) })
}

/// A connection from an address that no node has.
async fn stranger(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, 9), 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Waits until the other side has closed the connection.
async fn closed(mut stream: TcpStream) {
    let _reset = stream.read_to_end(&mut Vec::new()).await; // it is ended, or this would never end
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_counted_and_others_are_unharmed() {
    let (node, refusals) = node(Limits { connections_max: 1, ..Limits::default() }, alive());
    let first = ask(settings(&[node.address]));
    assert!(first.ask(validate()).await.is_ok());

    let second = ask(settings(&[node.address])).timeout(Duration::from_secs(5));
    assert!(matches!(second.ask(validate()).await, Err(Error::Ask(AskError::Unavailable))));

    assert!(refusals.of(Refusal::Full) >= 1);
    assert!(first.ask(validate()).await.is_ok());
    drop(first);
    while second.ask(validate()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await; // until the first one's connection has ended
    }
}

#[tokio::test]
async fn whoever_takes_all_connections_that_an_address_may_have_leaves_the_rest_to_others() {
    let (node, refusals) = node(Limits { connections_per_address_max: 2, ..Limits::default() }, alive());
    let _held = [stranger(node.address).await, stranger(node.address).await];

    closed(stranger(node.address).await).await;

    assert_eq!(refusals.of(Refusal::Full), 1);
    assert!(ask(settings(&[node.address])).ask(validate()).await.is_ok());
}

#[tokio::test]
async fn a_call_beyond_what_an_address_may_have_never_ran_and_is_counted() {
    let limits = Limits { calls_per_address_max: 1, ..Limits::default() };
    let (told, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let (node, refusals) = node(
        limits,
        Ask::from_fn(move |_| {
            told.send(()).unwrap();
            pending()
        }),
    );
    let [first, second] = [(); 2].map(|()| ask(settings(&[node.address])));
    let held = tokio::spawn(async move { first.ask(validate()).await });
    begun.recv().await.unwrap();

    let refused = second.ask(validate()).await;

    assert!(matches!(refused, Err(Error::Ask(AskError::Overloaded))), "{refused:?}");
    assert_eq!(refusals.of(Refusal::Calls), 1);
    assert!(begun.try_recv().is_err(), "it never ran");
    held.abort();
    let _held = tokio::spawn(async move {
        while let Err(Error::Ask(AskError::Overloaded)) = second.ask(validate()).await {
            tokio::time::sleep(Duration::from_millis(10)).await; // until the other side has heard of it
        }
    });
    begun.recv().await.unwrap();
}

#[tokio::test]
async fn garbage_at_the_port_of_a_node_is_counted_and_harms_nobody() {
    let (node, refusals) = node(Limits::default(), alive());
    let mut garbage = stranger(node.address).await;
    let _mute = stranger(node.address).await;
    garbage.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n").await.unwrap();

    assert!(ask(settings(&[node.address])).ask(validate()).await.is_ok());
    closed(garbage).await;

    assert_eq!(refusals.of(Refusal::Protocol), 1);
}

#[tokio::test]
async fn who_greets_too_slowly_is_sent_away_and_counted() {
    let limits = Limits { handshake_timeout: Duration::from_millis(50), ..Limits::default() };
    let (node, refusals) = node(limits, alive());
    let mut slow = stranger(node.address).await;
    slow.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();

    closed(slow).await;

    until("it is counted", || refusals.of(Refusal::Protocol) == 1).await;
}

#[tokio::test]
async fn a_greeting_in_pieces_is_a_greeting() {
    let (node, refusals) = node(Limits::default(), alive());
    let mut stream = stranger(node.address).await;

    for piece in [&b"PRI * HT"[..], b"TP/2.0\r\n\r\nSM\r\n", b"\r\n\0\0\0\x04\0\0\0\0\0"] {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert_eq!(stream.read_u32().await.unwrap() & 0xff, 4, "the node's settings come");
    assert_eq!(refusals.of(Refusal::Protocol), 0);
}

#[tokio::test]
async fn a_call_that_a_node_does_not_have_is_counted() {
    let server = Server::new(Limits::default()).users(crate::support::user_asks());
    let refusals = server.refusals();
    let node = Node::of(server);

    assert!(ask(settings(&[node.address])).ask(validate()).await.is_err());

    assert_eq!(refusals.of(Refusal::Unknown), 1);
}
