//! Pictures on their way in.

use std::time::Duration;

use portico_config::Config;
use portico_gateway::Asks;
use portico_kernel::{Ask, IdempotencyKey};
use portico_photo::{Error, Load, UploadAborted};
use reqwest::{Body, Method, RequestBuilder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::world::{World, fields, photo_of, refused, world_with};

/// What became of an upload in the domain.
type Outcome = Result<Vec<u8>, UploadAborted>;

/// A world that keeps whatever comes, and what came.
struct Album {
    world: World,
    outcomes: UnboundedReceiver<Outcome>,
    keys: UnboundedReceiver<Option<IdempotencyKey>>,
}

async fn album(configure: impl FnOnce(&mut Config)) -> Album {
    let (ended, outcomes) = unbounded_channel();
    let (told, keys) = unbounded_channel();
    let replace = |asks: &mut Asks| {
        asks.load_photo = Ask::from_fn(move |mut message: Load| {
            let ended = ended.clone();
            told.send(message.idempotency).unwrap();
            // Like an actor, it goes on when the caller is gone.
            let work = tokio::spawn(async move {
                let mut picture = Vec::new();
                let outcome = loop {
                    match message.upload.0.recv().await {
                        Some(Ok(chunk)) => picture.extend(chunk),
                        Some(Err(aborted)) => break Err(aborted),
                        None => break Ok(picture),
                    }
                };
                let answer = outcome.as_ref().map(|_| photo_of(message.owner)).map_err(|_| Error::Aborted);
                let _ = ended.send(outcome);
                answer
            });
            async move { work.await.unwrap() }
        });
    };
    let small = |config: &mut Config| {
        config.photo.upload_max_bytes = 2000;
        configure(config);
    };
    Album { world: world_with(small, replace).await, outcomes, keys }
}

impl Album {
    fn post(&self, content_type: &str, body: impl Into<Body>) -> RequestBuilder {
        self.world.as_ann(Method::POST, "/me/photos").header("content-type", content_type).body(body)
    }

    fn form(&self, body: impl Into<Body>) -> RequestBuilder {
        self.post("multipart/form-data; boundary=cut", body)
    }

    /// Whether the domain was asked at all; every upload that it was asked to keep has ended.
    fn was_asked(&mut self) -> bool {
        self.keys.try_recv().is_ok()
    }

    /// A connection on which the head of an upload was sent.
    async fn raw(&self, headers: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.world.address).await.unwrap();
        let token = self.world.token();
        let head = format!(
            "POST /me/photos HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: image/png\r\n{headers}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection
    }
}

/// Everything that is answered until the server closes. What it left unread makes a reset of that; the answer came before.
async fn answer(mut connection: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _reset = connection.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

/// A part of a form.
fn part(disposition: &str, content: &str) -> String {
    format!("--cut\r\nContent-Disposition: form-data{disposition}\r\n\r\n{content}\r\n")
}

fn file(content: &str) -> String {
    part(r#"; name="file"; filename="../../etc/passwd""#, content)
}

/// A body whose length is not announced.
fn chunked(body: &str) -> Body {
    let chunks: Vec<_> = body.as_bytes().chunks(500).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    Body::wrap_stream(futures_util::stream::iter(chunks))
}

#[actix_web::test]
async fn a_raw_picture_is_kept_and_found_at_its_location() {
    let mut album = album(|_| {}).await;
    for content_type in ["image/png", "IMAGE/JPEG", "application/octet-stream", "image/png; x=y"] {
        let answer = album.post(content_type, "picture").send().await.unwrap();

        assert_eq!(answer.status(), 201, "{content_type}");
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let photo: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(location, format!("/me/photos/{}", photo["id"].as_str().unwrap()));
        assert_eq!(album.outcomes.recv().await.unwrap(), Ok(b"picture".to_vec()));
    }
}

#[actix_web::test]
async fn a_picture_in_a_form_is_kept_to_the_byte() {
    let mut album = album(|_| {}).await;
    let tricky = "a\r\n--cu\r\n\r\n--\r--cu\r\r\n\n-\r";

    for body in [
        format!("{}--cut--\r\n", file(tricky)),
        format!("{}--cut--", file(tricky)),
        format!("preamble\r\n{}--cut--\r\nepilogue", file(tricky)),
    ] {
        assert_eq!(album.form(body.clone()).send().await.unwrap().status(), 201, "{body}");
        assert_eq!(album.outcomes.recv().await.unwrap(), Ok(tricky.as_bytes().to_vec()));
        assert_eq!(album.form(chunked(&body)).send().await.unwrap().status(), 201);
        assert_eq!(album.outcomes.recv().await.unwrap(), Ok(tricky.as_bytes().to_vec()));
    }
}

#[actix_web::test]
async fn a_form_with_anything_but_one_file_is_refused_and_nothing_is_kept() {
    let mut album = album(|_| {}).await;
    let other = part(r#"; name="title""#, "x");
    for (body, broken) in [
        ("--cut--\r\n".to_owned(), ("file", "required")),
        (format!("{other}--cut--\r\n"), ("title", "unknown_field")),
        (format!("{other}{}--cut--\r\n", file("x")), ("title", "unknown_field")),
        (format!("{}{other}--cut--\r\n", file("x")), ("title", "unknown_field")),
        (format!("{}{}--cut--\r\n", file("x"), file("y")), ("file", "duplicate")),
    ] {
        let problem = refused(album.form(body.clone()), 422, "invalid_field").await;

        assert_eq!(fields(&problem), [broken], "{body}");
        assert_eq!(album.outcomes.recv().await.unwrap(), Err(UploadAborted), "{body}");
    }
}

#[actix_web::test]
async fn a_form_that_is_cut_short_or_malformed_is_refused_and_nothing_is_kept() {
    let mut album = album(|_| {}).await;
    let whole = file("picture");
    for (body, code) in [
        (String::new(), "upload_aborted"),
        ("no boundary at all".to_owned(), "upload_aborted"),
        ("--cut\r\nContent-Disposition: form-data; name=\"file\"\r\n".to_owned(), "upload_aborted"),
        (whole[..whole.len() - 4].to_owned(), "upload_aborted"),
        (whole.clone(), "upload_aborted"),
        (format!("{whole}--cut"), "malformed_request"),
        (format!("{whole}--cut\r\n"), "upload_aborted"),
        (format!("{}--cut--\r\n", part("", "x")), "malformed_request"),
        ("--cut\r\nX-Y: z\r\n\r\nx\r\n--cut--\r\n".to_owned(), "malformed_request"),
    ] {
        refused(album.form(body.clone()), 400, code).await;

        assert_eq!(album.outcomes.recv().await.unwrap(), Err(UploadAborted), "{body}");
    }
    refused(album.post("multipart/form-data", "x"), 400, "malformed_request").await;
}

#[actix_web::test]
async fn a_body_of_another_type_is_refused_unread() {
    let mut album = album(|_| {}).await;
    for content_type in ["application/json", "text/plain", "multipart/mixed; boundary=cut", "image", ""] {
        refused(album.post(content_type, "picture"), 415, "unsupported_media_type").await;
    }
    refused(album.post("image/png", "x").header("content-encoding", "gzip"), 415, "unsupported_media_type").await;
    refused(album.world.as_ann(Method::POST, "/me/photos"), 415, "unsupported_media_type").await;

    assert!(!album.was_asked());
}

#[actix_web::test]
async fn a_body_that_is_announced_too_large_is_refused_unread() {
    let mut album = album(|_| {}).await;

    let raw = answer(album.raw("content-length: 2001").await).await;

    assert!(raw.starts_with("HTTP/1.1 413 ") && raw.contains(r#""code":"too_large""#), "{raw}");
    assert!(raw.contains("2000 bytes") && raw.to_lowercase().contains("connection: close"), "{raw}");
    assert!(!album.was_asked());
}

#[actix_web::test]
async fn a_body_that_turns_out_too_large_is_refused_and_nothing_is_kept() {
    let mut album = album(|_| {}).await;
    let large = "x".repeat(2001);
    let padding = "x".repeat(70_000);
    for request in [
        album.post("image/png", chunked(&large)),
        album.form(format!("{}--cut--\r\n", file(&large))),
        album.form(chunked(&format!("{}--cut--\r\n{padding}", file("x")))),
    ] {
        refused(request, 413, "too_large").await;
        assert_eq!(album.outcomes.recv().await.unwrap(), Err(UploadAborted));
    }

    assert_eq!(album.post("image/png", "x".repeat(2000)).send().await.unwrap().status(), 201);
    assert_eq!(album.form(format!("{}--cut--\r\n", file(&large[1..]))).send().await.unwrap().status(), 201);
}

#[actix_web::test]
async fn a_body_that_pauses_too_long_is_refused_and_nothing_is_kept() {
    let mut album = album(|config| config.gateway.deadlines.body_idle_ms = 500).await;
    let mut slow = album.raw("content-length: 100").await;
    slow.write_all(b"pic").await.unwrap();

    let raw = answer(slow).await;

    assert!(raw.starts_with("HTTP/1.1 408 ") && raw.contains(r#""code":"request_timeout""#), "{raw}");
    assert_eq!(album.outcomes.recv().await.unwrap(), Err(UploadAborted));
}

#[actix_web::test]
async fn a_client_that_hangs_up_leaves_nothing_behind() {
    let mut album = album(|_| {}).await;
    for headers in ["content-length: 100", "transfer-encoding: chunked"] {
        let mut connection = album.raw(headers).await;
        connection.write_all(b"3\r\npic\r\n").await.unwrap();

        drop(connection);

        assert_eq!(album.outcomes.recv().await.unwrap(), Err(UploadAborted), "{headers}");
    }
}

#[actix_web::test]
async fn an_answer_that_comes_before_the_body_is_whole_reaches_the_client() {
    let replace = |asks: &mut Asks| {
        asks.load_photo = Ask::from_fn(|mut message: Load| async move {
            message.upload.0.recv().await;
            Err(Error::UnsupportedType)
        });
    };
    let world = world_with(|_| {}, replace).await;
    let (_, keys) = unbounded_channel();
    let (_, outcomes) = unbounded_channel();
    let album = Album { world, outcomes, keys };
    let mut connection = album.raw("content-length: 1000000").await;
    connection.write_all(&[b'x'; 10_000]).await.unwrap();

    let raw = answer(connection).await;

    assert!(raw.starts_with("HTTP/1.1 415 ") && raw.to_lowercase().contains("connection: close"), "{raw}");
}

#[actix_web::test]
async fn a_client_that_waits_to_be_asked_for_the_body_is_asked() {
    let mut album = album(|_| {}).await;
    let mut connection = album.raw("content-length: 7\r\nexpect: 100-continue\r\nconnection: close").await;

    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut go_on).await.unwrap();
    connection.write_all(b"picture").await.unwrap();

    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(answer(connection).await.starts_with("HTTP/1.1 201 "));
    assert_eq!(album.outcomes.recv().await.unwrap(), Ok(b"picture".to_vec()));
}

#[actix_web::test]
async fn the_idempotency_key_goes_with_the_picture() {
    let mut album = album(|_| {}).await;

    album.post("image/png", "x").header("idempotency-key", "k-1").send().await.unwrap();

    assert_eq!(album.keys.recv().await.unwrap(), Some(IdempotencyKey::parse("k-1").unwrap()));
    refused(album.post("image/png", "x").header("idempotency-key", "k 1"), 400, "malformed_request").await;
}

#[actix_web::test]
async fn the_domains_refusals_are_told_by_their_codes() {
    for (make, status, code) in [
        ((|| Error::QuotaReached { max: 1000 }) as fn() -> Error, 409, "photo_quota_reached"),
        (|| Error::UnsupportedType, 415, "unsupported_media_type"),
        (|| Error::TooManyPixels { max: 1 }, 422, "invalid_field"),
        (|| Error::KeyReused, 422, "idempotency_key_reused"),
        (|| Error::KeyInProgress, 409, "idempotency_key_in_progress"),
        (|| Error::OwnerDeleted, 401, "session_dead"),
    ] {
        let replace = |asks: &mut Asks| asks.load_photo = Ask::from_fn(move |_: Load| async move { Err(make()) });
        let world = world_with(|_| {}, replace).await;

        let upload = world.as_ann(Method::POST, "/me/photos").header("content-type", "image/png").body("x");

        refused(upload, status, code).await;
    }
}

#[actix_web::test]
async fn only_who_is_signed_in_uploads() {
    let mut album = album(|_| {}).await;

    let stranger = album.world.request(Method::POST, "/me/photos").header("content-type", "image/png").body("x");

    refused(stranger, 401, "session_missing").await;
    assert!(!album.was_asked());
}

#[actix_web::test]
async fn a_domain_that_takes_too_long_after_the_last_byte_is_given_up() {
    let replace = |asks: &mut Asks| {
        asks.load_photo = Ask::from_fn(|message: Load| async move {
            let _kept = message; // and never read
            std::future::pending().await
        });
    };
    let world = world_with(|config| config.gateway.deadlines.request_ms = 30, replace).await;

    let upload = world.as_ann(Method::POST, "/me/photos").header("content-type", "image/png").body("x");

    refused(upload, 504, "deadline_exceeded").await;
}

#[actix_web::test]
async fn past_the_bound_of_uploads_others_are_shed_until_one_ends() {
    let mut album = album(|config| config.photo.uploads_max = 1).await;
    let mut first = album.raw("content-length: 7\r\nconnection: close").await;
    album.keys.recv().await.unwrap();

    refused(album.post("image/png", "x"), 503, "overloaded").await;
    first.write_all(b"picture").await.unwrap();
    let kept = tokio::time::timeout(Duration::from_secs(10), answer(first)).await.unwrap();

    assert!(kept.starts_with("HTTP/1.1 201 "), "{kept}");
    assert_eq!(album.post("image/png", "x").send().await.unwrap().status(), 201);
}

#[actix_web::test]
async fn one_address_leaves_places_to_others_however_many_accounts_it_has() {
    let proxied = |config: &mut Config| {
        config.photo.uploads_max = 16;
        config.gateway.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let mut album = album(proxied).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(album.raw("content-length: 1000\r\nx-forwarded-for: 192.0.2.1").await);
        album.keys.recv().await.unwrap();
    }
    let from = |address: &str| album.post("image/png", "x").header("x-forwarded-for", address.to_owned());

    refused(from("192.0.2.1"), 503, "overloaded").await;
    let other = from("192.0.2.2").send().await.unwrap();

    assert_eq!(other.status(), 201);
}

#[actix_web::test]
async fn an_upload_that_the_domain_refuses_gives_its_place_back_before_its_body_came() {
    let (told, keys) = unbounded_channel();
    let replace = |asks: &mut Asks| {
        asks.load_photo = Ask::from_fn(move |message: Load| {
            told.send(message.idempotency).unwrap();
            async { Err(Error::Overloaded) }
        });
    };
    let world = world_with(|config| config.photo.uploads_max = 1, replace).await;
    let mut album = Album { world, outcomes: unbounded_channel().1, keys };
    let mut slow = album.raw("content-length: 1000").await;
    let mut status = [0; 12];
    tokio::time::timeout(Duration::from_secs(10), slow.read_exact(&mut status)).await.unwrap().unwrap();
    assert!(album.was_asked());

    refused(album.post("image/png", "x"), 503, "overloaded").await;

    assert_eq!(&status, b"HTTP/1.1 503");
    assert!(album.was_asked(), "the place of the one before is still taken");
}
