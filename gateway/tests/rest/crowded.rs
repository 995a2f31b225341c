//! Connections on which more comes than is served: nothing is served that must not be, and no answer is another's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use portico_config::Config;
use portico_gateway::Asks;
use portico_kernel::{Ask, StoreError};
use portico_photo::{Content, Get, Open, Photo};
use portico_user::{Error, GetUser};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};

use crate::world::{World, photo_of, refused, world, world_with};

const LOOK: &str = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n";
const CONTENT: &str = "/me/photos/019b7d21-8f83-7000-8000-000000000001/content";
/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.address).await.unwrap()
}

async fn all(connection: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _reset = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer)).await.expect("it ends");
    answer
}

/// Has every photo consist of these pieces.
fn content(
    asks: &mut Asks,
    size: usize,
    pieces: impl Fn() -> stream::BoxStream<'static, Result<Bytes, StoreError>> + Send + Sync + 'static,
) {
    asks.get_photo = Ask::from_fn(move |message: Get| async move {
        Ok(Photo { id: message.photo, size_bytes: size as u64, ..photo_of(message.owner) })
    });
    asks.open_photo = Ask::from_fn(move |_: Open| {
        let content = Content(pieces());
        async move { Ok(content) }
    });
}

/// A registration, as it stands behind another request.
fn hidden() -> String {
    let body = r#"{"name":"Bob","email":"bob@example.com","password":"long enough by far"}"#;
    let head = "POST /reg HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn registered_behind(world: World, first: &str) -> usize {
    let mut connection = connect(&world).await;
    connection.write_all(format!("{first}{}", hidden()).as_bytes()).await.unwrap();
    let answer = String::from_utf8_lossy(&all(&mut connection).await).to_lowercase();
    assert!(answer.contains("\r\nconnection: close"), "{answer}");
    world.seen.clients.lock().unwrap().len()
}

#[actix_web::test]
async fn nothing_is_served_behind_a_refused_body_that_closes_the_connection() {
    let first = "POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";

    assert_eq!(registered_behind(world().await, first).await, 0);
}

#[actix_web::test]
async fn nothing_is_served_behind_an_answer_that_closes_a_connection_of_a_node_that_stops() {
    let world = world().await;
    world.draining.store(true, Ordering::SeqCst);

    assert_eq!(registered_behind(world, LOOK).await, 0);
}

#[actix_web::test]
async fn a_picture_that_holds_an_answer_of_the_library_is_sent_as_it_is() {
    let fake = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
    let mut picture = vec![b'p'; 200_000];
    picture[65_536 - fake.len()..65_536].copy_from_slice(fake);
    let whole = picture.clone();
    let pieces = move || {
        let pieces: Vec<_> = whole.chunks(65_536).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces).boxed()
    };
    let world = world_with(|_| {}, |asks| content(asks, 200_000, pieces)).await;
    let mut connection = connect(&world).await;
    let bearer = format!("authorization: Bearer {}", world.token());

    connection.write_all(format!("GET {CONTENT} HTTP/1.1\r\nhost: x\r\n{bearer}\r\n\r\n").as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap(); // after which the library reads no more
    let answer = all(&mut connection).await;

    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(answer[head..] == picture, "{} bytes came", answer.len() - head);
}

/// What comes of a picture whose second half takes its time, to a client that has sent `more` meanwhile.
async fn slow_content(configure: fn(&mut Config), more: &str) -> String {
    let pieces = || {
        let pieces = [Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"def"))];
        let slowly = stream::iter(pieces.into_iter().enumerate()).then(|(at, piece)| async move {
            tokio::time::sleep(Duration::from_secs(4) * u32::try_from(at).unwrap()).await;
            piece
        });
        slowly.boxed()
    };
    let world = world_with(configure, |asks| content(asks, 6, pieces)).await;
    let mut connection = connect(&world).await;
    let bearer = format!("authorization: Bearer {}", world.token());
    let request = format!("GET {CONTENT} HTTP/1.1\r\nhost: x\r\n{bearer}\r\n\r\n{more}");
    connection.write_all(request.as_bytes()).await.unwrap();
    String::from_utf8_lossy(&all(&mut connection).await).into_owned()
}

#[actix_web::test]
async fn a_client_is_not_cut_off_because_storage_is_slow() {
    let idle = slow_content(|config| config.gateway.deadlines.keep_alive_ms = 500, "");
    let next = slow_content(
        |config| (config.gateway.deadlines.head_ms, config.gateway.deadlines.keep_alive_ms) = (500, 500),
        LOOK,
    );

    let (idle, next) = futures_util::join!(idle, next);

    assert!(idle.ends_with("abcdef"), "{idle}");
    assert!(next.contains("abcdef") && next.contains("HTTP/1.1 404"), "{next}");
}

#[actix_web::test]
async fn a_request_is_in_flight_although_nobody_reads_its_body() {
    let (running, wait) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, gate) = (Arc::clone(&running), Arc::clone(&wait));
    let world = world_with(
        |config| config.gateway.limits.in_flight_max = 1,
        move |asks| {
            asks.get_user = Ask::from_fn(move |_: GetUser| {
                count.fetch_add(1, Ordering::SeqCst);
                let gate = Arc::clone(&gate);
                async move {
                    let _open = gate.acquire().await;
                    Err(Error::Unknown)
                }
            });
        },
    )
    .await;
    let mut connection = connect(&world).await;
    let head = format!("GET /me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}", world.token());
    connection.write_all(format!("{head}\r\ncontent-length: 1\r\n\r\nx").as_bytes()).await.unwrap();
    while running.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }

    refused(world.request(Method::GET, "/me").bearer_auth(world.token()), 503, "overloaded").await;

    wait.close();
}

#[actix_web::test]
async fn a_malformed_head_is_told_to_a_client_of_http_1_0_too() {
    let world = world().await;
    let mut connection = connect(&world).await;
    connection.write_all(b"GET /nowhere HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\n").await.unwrap();
    let _first = connection.read(&mut [0; 16 * 1024]).await.unwrap();

    connection.write_all(b"HELO example.com\r\n\r\n").await.unwrap();

    let answer = String::from_utf8_lossy(&all(&mut connection).await).into_owned();
    assert!(answer.contains("malformed_request"), "{answer}");
}
