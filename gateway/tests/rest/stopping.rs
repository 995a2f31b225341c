//! How a gateway stops: what is in flight ends, or is cut off at the deadline and counted.

use std::{
    future::pending,
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portico_gateway::Asks;
use portico_kernel::{Ask, Deadline};
use portico_user::{Error, GetUser};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, oneshot},
};

use crate::world::{problem, world, world_with};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Lets every look at an account tell that it has begun, and wait for `leave`.
pub(crate) fn waiting(asks: &mut Asks, entered: Arc<Notify>, leave: Arc<Notify>) {
    asks.get_user = Ask::from_fn(move |_: GetUser| {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        async move {
            entered.notify_one();
            leave.notified().await;
            Err(Error::Conflict)
        }
    });
}

#[actix_web::test]
async fn requests_in_flight_end_and_no_others_are_taken() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let world = world_with(|_| {}, |asks| waiting(asks, Arc::clone(&entered), Arc::clone(&leave))).await;

    let in_flight = actix_web::rt::spawn(world.as_ann(Method::GET, "/me").send());
    entered.notified().await;
    let stopped = actix_web::rt::spawn(world.serving.stop(Deadline::within(PATIENCE)));
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    leave.notify_one();

    let answer = in_flight.await.unwrap().unwrap();
    assert_eq!(problem(answer).await["code"], "conflict");
    assert_eq!(stopped.await.unwrap(), 0);
}

#[actix_web::test]
async fn a_gateway_without_work_stops_soon_although_connections_are_kept_alive() {
    let world = world().await;
    world.get("/nowhere").send().await.unwrap();

    let stopped = tokio::time::timeout(PATIENCE, world.serving.stop(Deadline::within(PATIENCE * 10))).await;

    assert_eq!(stopped, Ok(0));
}

/// Connects, asks for what there is not, and reads to the end; none if the connection is refused.
fn asked(address: SocketAddr) -> Option<std::io::Result<String>> {
    let mut connection = match std::net::TcpStream::connect(address) {
        Ok(connection) => connection,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return None,
        Err(error) => return Some(Err(error)),
    };
    let mut answer = String::new();
    let asked = connection.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n");
    Some(asked.and_then(|()| connection.read_to_string(&mut answer)).map(|_| answer))
}

#[actix_web::test]
async fn whoever_is_let_in_while_a_gateway_stops_is_served_until_connections_are_refused() {
    let world = world().await;
    let address = world.address;
    world.draining.store(true, Ordering::SeqCst);
    let served = Arc::new(AtomicUsize::new(0));
    let client = |_| {
        let served = Arc::clone(&served);
        std::thread::spawn(move || {
            while let Some(answer) = asked(address) {
                let head = answer.expect("it is not reset").to_lowercase();
                let is_served = ["http/1.1 404 ", "http/1.1 429 "].iter().any(|status| head.starts_with(status));
                assert!(is_served && head.contains("\r\nconnection: close\r\n"), "{head}");
                served.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let clients: Vec<_> = (0..16).map(client).collect();
    while served.load(Ordering::SeqCst) < 4 * clients.len() {
        tokio::task::yield_now().await;
    }

    let stopped = world.serving.stop(Deadline::within(PATIENCE)).await;

    assert_eq!(stopped, 0);
    for client in clients {
        client.join().unwrap();
    }
}

#[actix_web::test]
async fn a_kept_connection_is_served_once_more_and_told_that_it_ends() {
    let world = world().await;
    let mut connection = TcpStream::connect(world.address).await.unwrap();
    connection.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let _first = connection.read(&mut [0; 16 * 1024]).await.unwrap();

    world.draining.store(true, Ordering::SeqCst);
    let stopped = actix_web::rt::spawn(world.serving.stop(Deadline::within(PATIENCE)));
    tokio::task::yield_now().await;
    connection.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();

    let head = answer.to_lowercase();
    assert!(head.starts_with("http/1.1 404 ") && head.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(stopped.await.unwrap(), 0);
}

#[actix_web::test]
async fn a_head_that_is_not_whole_when_the_node_stops_is_told_that_it_was_not_taken_up() {
    let world = world().await;
    let mut connection = TcpStream::connect(world.address).await.unwrap();
    connection.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let _first = connection.read(&mut [0; 16 * 1024]).await.unwrap();

    connection.write_all(b"GET /nowhere HTTP/1.1\r\nhost: ").await.unwrap();
    world.draining.store(true, Ordering::SeqCst);
    let stopped = actix_web::rt::spawn(world.serving.stop(Deadline::within(PATIENCE)));
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, connection.read_to_string(&mut answer)).await.unwrap().unwrap();

    let head = answer.to_lowercase();
    assert!(head.starts_with("http/1.1 503 ") && answer.contains(r#""code":"unavailable""#), "{answer}");
    assert!(head.contains("\r\nconnection: close\r\n") && head.contains("\r\nretry-after: 1\r\n"), "{answer}");
    drop(connection);
    assert_eq!(stopped.await.unwrap(), 0);
}

#[actix_web::test]
async fn what_has_not_ended_by_the_deadline_is_cut_off_and_counted() {
    let (starts, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let (dropped, gone) = oneshot::channel::<()>();
    let dropped = Mutex::new(Some(dropped));
    let hanging = |asks: &mut Asks| {
        asks.get_user = Ask::from_fn(move |_: GetUser| {
            let dropped = dropped.lock().unwrap().take();
            starts.send(()).unwrap();
            async move {
                let _dropped_with_the_request = dropped;
                pending().await
            }
        });
    };
    let world = world_with(|_| {}, hanging).await;
    let requests: Vec<_> = (0..2).map(|_| actix_web::rt::spawn(world.as_ann(Method::GET, "/me").send())).collect();
    for _ in &requests {
        begun.recv().await.unwrap();
    }

    let cut = world.serving.stop(Deadline::within(Duration::from_millis(50))).await;

    assert_eq!(cut, 2);
    for request in requests {
        assert!(request.await.unwrap().is_err(), "its connection is closed");
    }
    assert!(gone.await.is_err(), "nobody works for it any more");
}
