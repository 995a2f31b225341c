//! Photos' bytes on their way out.

use std::{
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use portico_gateway::Asks;
use portico_kernel::{Ask, StoreError};
use portico_photo::{Content, Get, Open, Photo, Rendition};
use reqwest::{Method, RequestBuilder, Response};

use crate::world::{World, fields, photo_of, refused, world_with};

const SIZE: u64 = 100_000;
const THUMB_SIZE: u64 = 10;
const PATH: &str = "/me/photos/019b7d21-8f83-7000-8000-000000000001/content";

/// A byte of the content; the rendition's are others.
fn byte(at: u64, rendition: Rendition) -> u8 {
    let seed = u64::from(rendition == Rendition::Thumb);
    u8::try_from((at + seed) % 251).unwrap()
}

/// A domain whose photos all have this content, and how it was opened.
fn serving(opened: &Arc<Mutex<Vec<Open>>>) -> impl FnOnce(&mut Asks) + use<> {
    let opened = Arc::clone(opened);
    move |asks| {
        asks.get_photo = Ask::from_fn(|message: Get| async move {
            let photo = photo_of(message.owner);
            Ok(Photo { id: message.photo, size_bytes: SIZE, thumb_size_bytes: THUMB_SIZE, ..photo })
        });
        asks.open_photo = Ask::from_fn(move |message: Open| {
            let size = if message.rendition == Rendition::Thumb { THUMB_SIZE } else { SIZE };
            let all: Vec<_> = message.range.clone().unwrap_or(0..size).map(|at| byte(at, message.rendition)).collect();
            opened.lock().unwrap().push(message);
            let chunks: Vec<_> = all.chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
            async move { Ok(Content(stream::iter(chunks).boxed())) }
        });
    }
}

async fn gallery() -> (World, Arc<Mutex<Vec<Open>>>) {
    let opened = Arc::default();
    (world_with(|_| {}, serving(&opened)).await, opened)
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn tag(byte: &str) -> String {
    format!("\"{}\"", byte.repeat(32))
}

async fn get(world: &World, headers: &[(&str, &str)]) -> Response {
    let with = |request: RequestBuilder, (name, value): &(&str, &str)| request.header(*name, *value);
    headers.iter().fold(world.as_ann(Method::GET, PATH), with).send().await.unwrap()
}

#[actix_web::test]
async fn the_whole_content_comes_with_what_caches_and_browsers_must_know() {
    let (world, _) = gallery().await;

    let answer = get(&world, &[("accept-encoding", "gzip")]).await;

    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", "100000"),
        ("content-encoding", ""),
        ("etag", &tag("01")),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-disposition", r#"inline; filename="019b7d21-8f83-7000-8000-000000000001.png""#),
    ] {
        assert_eq!(header(&answer, name), value, "{name}");
    }
    let whole: Vec<_> = (0..SIZE).map(|at| byte(at, Rendition::Original)).collect();
    assert_eq!(answer.bytes().await.unwrap(), whole);
}

#[actix_web::test]
async fn a_range_is_read_from_storage_alone() {
    let (world, opened) = gallery().await;
    for (asked, range, part) in [
        ("bytes=0-0", "bytes 0-0/100000", 0..1),
        ("bytes=10-19", "bytes 10-19/100000", 10..20),
        ("bytes=99990-", "bytes 99990-99999/100000", 99_990..SIZE),
        ("bytes=99990-500000", "bytes 99990-99999/100000", 99_990..SIZE),
        ("bytes=-5", "bytes 99995-99999/100000", 99_995..SIZE),
        ("bytes=-500000", "bytes 0-99999/100000", 0..SIZE),
    ] {
        let answer = get(&world, &[("range", asked)]).await;

        assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (206, range), "{asked}");
        assert_eq!(header(&answer, "etag"), tag("01"));
        let bytes: Vec<_> = part.clone().map(|at| byte(at, Rendition::Original)).collect();
        assert_eq!(answer.bytes().await.unwrap(), bytes);
        assert_eq!(opened.lock().unwrap().pop().unwrap().range, Some(part));
    }
}

#[actix_web::test]
async fn several_ranges_or_one_of_another_representation_get_the_whole_content() {
    let (world, _) = gallery().await;
    let other = tag("02");
    for headers in [
        &[("range", "bytes=0-0,5-6")] as &[_],
        &[("range", "pages=1-2")],
        &[("range", "bytes=0-0"), ("if-range", &other)],
        &[("range", "bytes=0-0"), ("if-range", "Sat, 29 Oct 1994 19:43:31 GMT")],
    ] {
        let answer = get(&world, headers).await;

        assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "100000"), "{headers:?}");
    }
    assert_eq!(get(&world, &[("range", "bytes=0-0"), ("if-range", &tag("01"))]).await.status(), 206);
}

#[actix_web::test]
async fn a_range_outside_of_the_content_is_refused_with_the_size() {
    let (world, opened) = gallery().await;

    let answer = get(&world, &[("range", "bytes=100000-")]).await;

    assert_eq!(header(&answer, "content-range"), "bytes */100000");
    refused(world.as_ann(Method::GET, PATH).header("range", "bytes=-0"), 416, "range_not_satisfiable").await;
    assert!(opened.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn who_has_the_content_is_sent_nothing() {
    let (world, opened) = gallery().await;

    let answer = get(&world, &[("if-none-match", &tag("01"))]).await;

    assert_eq!(answer.status(), 304);
    assert_eq!((header(&answer, "etag"), header(&answer, "cache-control")), (&*tag("01"), "private, no-cache"));
    assert!(answer.bytes().await.unwrap().is_empty() && opened.lock().unwrap().is_empty());
    assert_eq!(get(&world, &[("if-none-match", &tag("02"))]).await.status(), 200);
}

#[actix_web::test]
async fn who_means_another_representation_is_refused() {
    let (world, opened) = gallery().await;

    refused(world.as_ann(Method::GET, PATH).header("if-match", tag("02")), 412, "precondition_failed").await;

    assert!(opened.lock().unwrap().is_empty());
    assert_eq!(get(&world, &[("if-match", &tag("01"))]).await.status(), 200);
}

#[actix_web::test]
async fn head_tells_the_same_and_opens_nothing() {
    let (world, opened) = gallery().await;

    let answer = world.as_ann(Method::HEAD, PATH).header("range", "bytes=0-0").send().await.unwrap();

    assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "100000"));
    assert_eq!((header(&answer, "etag"), header(&answer, "content-type")), (&*tag("01"), "image/png"));
    assert!(opened.lock().unwrap().is_empty());
    // Nothing of a body came: the connection is still understood.
    assert_eq!(get(&world, &[]).await.bytes().await.unwrap().len(), 100_000);
}

#[actix_web::test]
async fn the_rendition_has_a_tag_and_a_size_of_its_own() {
    let (world, opened) = gallery().await;
    let thumb = || world.as_ann(Method::GET, &format!("{PATH}?size=thumb"));

    let answer = thumb().send().await.unwrap();

    assert_eq!((header(&answer, "etag"), header(&answer, "content-length")), (&*tag("02"), "10"));
    assert_eq!(answer.bytes().await.unwrap()[0], byte(0, Rendition::Thumb));
    assert_eq!(opened.lock().unwrap()[0].rendition, Rendition::Thumb);
    assert_eq!(thumb().header("if-none-match", tag("02")).send().await.unwrap().status(), 304);
    assert_eq!(thumb().header("if-none-match", tag("01")).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn an_unknown_size_is_refused_by_name() {
    let (world, _) = gallery().await;
    for (query, broken) in [
        ("size=large", ("size", "unknown_value")),
        ("size=", ("size", "unknown_value")),
        ("width=10", ("width", "unknown_field")),
    ] {
        let problem = refused(world.as_ann(Method::GET, &format!("{PATH}?{query}")), 422, "invalid_field").await;

        assert_eq!(fields(&problem), [broken], "{query}");
    }
}

#[actix_web::test]
async fn content_is_for_the_signed_in_who_accept_pictures() {
    let (world, _) = gallery().await;

    refused(world.get(PATH), 401, "session_missing").await;
    refused(world.as_ann(Method::GET, PATH).header("accept", "text/html"), 406, "not_acceptable").await;
    assert_eq!(get(&world, &[("accept", "image/avif,image/webp,*/*;q=0.8")]).await.status(), 200);
}

#[actix_web::test]
async fn content_that_breaks_off_is_never_taken_for_whole() {
    let replace = |asks: &mut Asks| {
        serving(&Arc::default())(asks);
        asks.open_photo = Ask::from_fn(|_: Open| async {
            let chunks = [Ok(Bytes::from_static(b"abc")), Err(StoreError::Unavailable("disk".into()))];
            Ok(Content(stream::iter(chunks).boxed()))
        });
    };
    let world = world_with(|_| {}, replace).await;

    let content = async { world.as_ann(Method::GET, PATH).send().await?.bytes().await };

    assert!(content.await.is_err());
}

/// A domain with a picture of 256 MiB, and how many of its chunks were read.
fn endless(read: &Arc<AtomicU64>) -> impl FnOnce(&mut Asks) + use<> {
    let read = Arc::clone(read);
    move |asks| {
        asks.get_photo = Ask::from_fn(|message: Get| async move {
            Ok(Photo { size_bytes: CHUNKS * CHUNK.len() as u64, ..photo_of(message.owner) })
        });
        asks.open_photo = Ask::from_fn(move |_: Open| {
            let read = Arc::clone(&read);
            let chunks = stream::iter(0..CHUNKS).map(move |_| {
                read.fetch_add(1, Ordering::Relaxed);
                Ok(Bytes::from_static(&CHUNK))
            });
            ready(Ok(Content(chunks.boxed())))
        });
    }
}

const CHUNKS: u64 = 16 * 1024;
const CHUNK: [u8; 16 * 1024] = [0; 16 * 1024];

#[actix_web::test]
async fn content_is_read_no_faster_than_the_client_takes_it() {
    let read = Arc::default();
    let world = world_with(|_| {}, endless(&read)).await;

    let mut answer = get(&world, &[]).await;
    answer.chunk().await.unwrap();
    // By the time that the server answers somebody else, it has read for this client what it wants to.
    refused(world.get("/me"), 401, "session_missing").await;

    assert!(read.load(Ordering::Relaxed) < CHUNKS / 4);
}
