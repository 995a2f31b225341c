//! Clients that take their answers slowly: how slow they may be, and that the others are cut off.

use std::{future::ready, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use portico_config::Config;
use portico_gateway::Asks;
use portico_kernel::Ask;
use portico_photo::{Content, Get, Open, Photo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::world::{World, photo_of, world_with};

const PATH: &str = "/me/photos/019b7d21-8f83-7000-8000-000000000001/content";
const CHUNK: [u8; 16 * 1024] = [7; 16 * 1024];
const CHUNKS: usize = 128;
const SIZE: usize = CHUNKS * CHUNK.len();
/// What the slow but honest one reads at a time.
const PART: u64 = SIZE as u64 / 4;
/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every photo has two megabytes.
fn pictures(asks: &mut Asks) {
    asks.get_photo = Ask::from_fn(|message: Get| async move {
        Ok(Photo { size_bytes: SIZE as u64, id: message.photo, ..photo_of(message.owner) })
    });
    asks.open_photo = Ask::from_fn(|_: Open| {
        let chunks = stream::iter(0..CHUNKS).map(|_| Ok(Bytes::from_static(&CHUNK)));
        ready(Ok(Content(chunks.boxed())))
    });
}

/// A client that has asked for a picture, and whose system takes little beyond what it reads.
async fn asked(world: &World) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let mut client = socket.connect(world.address).await.unwrap();
    let bearer = format!("authorization: Bearer {}", world.token());
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{bearer}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

fn cut_off(world: &World) -> usize {
    world.seen.cut_off.load(Ordering::SeqCst)
}

/// Waits until a client was cut off; meanwhile it does `reading` again and again.
async fn until_cut_off(world: &World, mut reading: impl AsyncFnMut()) {
    let waiting = async {
        while cut_off(world) == 0 {
            reading().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it is cut off");
}

#[actix_web::test]
async fn a_client_that_reads_slowly_but_reads_has_all_of_its_picture() {
    let patient = |config: &mut Config| {
        config.gateway.deadlines.body_idle_ms = 100; // of its body, which is another matter
        config.gateway.deadlines.answer_min_bytes_per_s = 4 * 1024;
    };
    let world = world_with(patient, pictures).await;
    let mut client = asked(&world).await;

    let mut answer = Vec::new();
    while timeout(PATIENCE, (&mut client).take(PART).read_to_end(&mut answer)).await.unwrap().unwrap() > 0 {
        sleep(Duration::from_secs(1)).await; // with its window shut
    }

    assert_eq!(cut_off(&world), 0);
    assert!(answer.ends_with(&CHUNK) && answer.len() > SIZE, "{} bytes came", answer.len());
}

#[actix_web::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let world = world_with(|config| config.gateway.deadlines.answer_idle_ms = 200, pictures).await;
    let client = asked(&world).await;

    until_cut_off(&world, async || sleep(Duration::from_millis(20)).await).await;

    drop(client);
}

#[actix_web::test]
async fn a_client_that_trickles_below_the_least_rate_is_cut_off_and_reset() {
    let strict = |config: &mut Config| {
        config.gateway.deadlines.answer_idle_ms = 2000;
        config.gateway.deadlines.answer_min_bytes_per_s = 1024 * 1024;
    };
    let world = world_with(strict, pictures).await;
    let mut client = asked(&world).await;
    let mut taken = 0;

    until_cut_off(&world, async || {
        taken += client.read(&mut [0; 2048]).await.unwrap_or_default();
        sleep(Duration::from_millis(20)).await;
    })
    .await;

    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("it was closed");
    assert!(ended.is_err(), "the kernel sends no more of it");
    assert!(taken + rest.len() < SIZE / 2, "{taken} and {}", rest.len());
}
