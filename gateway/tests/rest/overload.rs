//! Too much work at once.

use std::{future::pending, num::NonZeroUsize};

use portico_config::Config;
use portico_gateway::Asks;
use portico_kernel::Ask;
use portico_user::{Authenticate, GetUser};
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::world::{PASSWORD, World, refused, world_with};

/// A password verification that never ends; each that begins is told.
fn endless_sign_ins(asks: &mut Asks) -> UnboundedReceiver<()> {
    let (starts, begun) = unbounded_channel();
    asks.authenticate = Ask::from_fn(move |_: Authenticate| {
        starts.send(()).unwrap();
        pending()
    });
    begun
}

/// Begins a sign-in and waits until its password is being verified.
async fn begin_sign_in(world: &World, begun: &mut UnboundedReceiver<()>) {
    let attempt = world.post("/auth", &json!({ "email": "ann@example.com", "password": PASSWORD })).send();
    actix_web::rt::spawn(attempt);
    begun.recv().await.unwrap();
}

fn two_places(config: &mut Config) {
    config.user.password.hash_threads = Some(NonZeroUsize::MIN);
    config.user.password.hash_queue_max = 1;
}

#[actix_web::test]
async fn a_storm_of_sign_ins_is_shed_and_everything_else_is_served() {
    let mut begun = None;
    let world = world_with(two_places, |asks| begun = Some(endless_sign_ins(asks))).await;
    let mut begun = begun.unwrap();
    for _ in 0..2 {
        begin_sign_in(&world, &mut begun).await;
    }

    let credentials = json!({ "email": "ann@example.com", "password": PASSWORD });
    let shed = world.post("/auth", &credentials).send().await.unwrap();

    assert_eq!((shed.status().as_u16(), shed.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    refused(world.post("/reg", &json!({})), 503, "overloaded").await;
    refused(world.as_ann(Method::DELETE, "/delete").json(&json!({ "password": PASSWORD })), 503, "overloaded").await;
    assert_eq!(world.as_ann(Method::GET, "/me").send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn past_the_bound_of_requests_in_flight_others_are_shed() {
    let (starts, mut begun) = unbounded_channel();
    let world = world_with(
        |config| config.gateway.limits.in_flight_max = 1,
        |asks| {
            asks.get_user = Ask::from_fn(move |_: GetUser| {
                starts.send(()).unwrap();
                pending()
            });
        },
    )
    .await;
    actix_web::rt::spawn(world.as_ann(Method::GET, "/me").send());
    begun.recv().await.unwrap();

    let shed = world.get("/session/verify");

    refused(shed, 503, "overloaded").await;
}

#[actix_web::test]
async fn a_slow_body_occupies_no_place_of_a_request_in_flight() {
    let world = world_with(|config| config.gateway.limits.in_flight_max = 1, |_| {}).await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD }).to_string();
    let (first, last) = body.split_at(1);
    let head = format!(
        "POST /auth HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    slow.read_exact(&mut go_on).await.unwrap();
    slow.write_all(first.as_bytes()).await.unwrap();

    let answer = world.as_ann(Method::GET, "/me").send().await.unwrap();
    slow.write_all(last.as_bytes()).await.unwrap();
    let mut slow_answer = String::new();
    slow.read_to_string(&mut slow_answer).await.unwrap();

    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n", "the request has begun");
    assert_eq!(answer.status(), 200);
    assert!(slow_answer.starts_with("HTTP/1.1 200"), "{slow_answer}");
}
