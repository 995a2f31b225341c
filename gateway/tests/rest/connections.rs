//! Connections on which nothing gets on, and those that were to end.

use std::time::{Duration, Instant};

use portico_config::Config;
use portico_gateway::Code;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{World, world, world_with};

const LOOK: &str = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n";
/// Long enough for a busy machine; far less than the keep-alive time.
const PATIENCE: Duration = Duration::from_secs(30);

fn impatient(config: &mut Config) {
    config.gateway.deadlines.head_ms = 100;
}

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.address).await.unwrap()
}

/// Reads the first answer of a connection.
async fn first_answer(connection: &mut TcpStream) -> String {
    let mut answer = vec![0; 16 * 1024];
    let length = connection.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// What still comes until the connection is closed by the other end.
async fn rest(mut connection: TcpStream) -> String {
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer)).await;
    let _reset = ended.expect("the connection is cut off");
    String::from_utf8_lossy(&answer).into_owned()
}

#[actix_web::test]
async fn the_rest_of_a_refused_body_is_not_waited_for_without_end() {
    let world = world_with(impatient, |_| {}).await;
    let mut connection = connect(&world).await;

    let head = "POST /nowhere HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();

    assert!(first_answer(&mut connection).await.starts_with("HTTP/1.1 404"));
    assert_eq!(rest(connection).await, "");
}

#[actix_web::test]
async fn a_connection_serves_one_request_after_the_other() {
    let world = world_with(impatient, |_| {}).await;
    let mut connection = connect(&world).await;

    for _ in 0..3 {
        connection.write_all(LOOK.as_bytes()).await.unwrap();
        assert!(first_answer(&mut connection).await.starts_with("HTTP/1.1 404"));
    }
}

#[actix_web::test]
async fn a_request_behind_the_last_one_of_its_connection_is_not_carried_out() {
    let world = world().await;
    let mut connection = connect(&world).await;
    let body = r#"{"name":"Bob","email":"bob@example.com","password":"long enough by far"}"#;
    let hidden = format!(
        "POST /reg HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );

    let last = "GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    connection.write_all(format!("{last}{hidden}").as_bytes()).await.unwrap();

    let answers = rest(connection).await;
    assert!(answers.starts_with("HTTP/1.1 404") && !answers.contains("HTTP/1.1 201"), "{answers}");
    assert!(world.seen.clients.lock().unwrap().is_empty(), "nobody was registered");
}

#[actix_web::test]
async fn a_wish_for_websocket_is_refused_since_its_body_would_have_no_end() {
    let world = world().await;
    let mut connection = connect(&world).await;

    let head = "POST /auth HTTP/1.1\r\nhost: x\r\nupgrade: WebSocket\r\ncontent-length: 0\r\n\r\n";
    connection.write_all(format!("{head}{LOOK}").as_bytes()).await.unwrap();

    let answers = rest(connection).await;
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.starts_with("HTTP/1.1 400"), "{answers}");
}

#[actix_web::test]
async fn a_head_is_read_up_to_twice_its_bound_and_told_at_once() {
    let world = world().await;
    let mut connection = connect(&world).await;

    let head = format!("GET /nowhere HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(40_000));
    connection.write_all(head.as_bytes()).await.unwrap();

    let answer = rest(connection).await;
    assert_eq!(told(&answer), (431, "header_too_large"), "{answer}");
}

/// Status and code of the only answer in `text`, which must be whole: a problem with what every answer carries.
fn told(text: &str) -> (u16, &'static str) {
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    for line in ["content-type: application/problem+json", "connection: close", "x-content-type-options: nosniff"] {
        assert!(head.lines().any(|own| own == line), "{line}: {text}");
    }
    let problem: Value = serde_json::from_str(body).unwrap();
    assert!(head.contains(&format!("traceparent: 00-{}", problem["trace_id"].as_str().unwrap())), "{text}");
    assert!(head.contains("x-request-id: "), "{text}");
    let code = Code::named(problem["code"].as_str().unwrap()).unwrap();
    assert_eq!(problem["status"], code.status().as_u16());
    (head[9..12].parse().unwrap(), code.name())
}

#[actix_web::test]
async fn what_is_no_request_is_told_so_as_a_problem() {
    let world = world().await;
    let over_long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    let crowded = format!("GET /nowhere HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(200));
    let long = |last: &str| format!("GET /nowhere HTTP/1.1\r\nhost: x\r\nx: {}\r\n{last}\r\n\r\n", "y".repeat(20_000));
    let (long_and_malformed, long) = (long("no colon"), long("connection: close"));
    for (head, expected) in [
        ("HELO example.com\r\n\r\n", (400, "malformed_request")),
        ("GET /nowhere HTTP/9.9\r\nhost: x\r\n\r\n", (400, "malformed_request")),
        ("GET /nowhere HTTP/1.1\r\nno colon\r\n\r\n", (400, "malformed_request")),
        ("POST /auth HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n", (400, "malformed_request")),
        (&long_and_malformed, (400, "malformed_request")),
        (&long, (431, "header_too_large")),
        (&crowded, (431, "header_too_large")),
        (&over_long, (431, "header_too_large")),
    ] {
        let mut connection = connect(&world).await;
        connection.write_all(head.as_bytes()).await.unwrap();

        let answer = rest(connection).await;

        assert_eq!(told(&answer), expected, "{head:.60}: {answer}");
    }
}

#[actix_web::test]
async fn a_head_that_does_not_come_in_time_is_told_so_as_a_problem() {
    let world = world_with(impatient, |_| {}).await;
    for (before, head) in [("", "GET /nowhere HTTP/1.1\r\nhost: "), ("", ""), (LOOK, "GET /nowhere HTTP/1.1\r\nhost: ")]
    {
        let mut connection = connect(&world).await;
        connection.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            assert!(first_answer(&mut connection).await.starts_with("HTTP/1.1 404"));
        }

        connection.write_all(head.as_bytes()).await.unwrap();

        let answer = rest(connection).await;
        assert_eq!(told(&answer), (408, "request_timeout"), "{before:?} {head:?}: {answer}");
    }
}

#[actix_web::test]
async fn a_connection_that_is_silent_after_a_request_is_closed_without_a_word() {
    let world = world_with(|config| config.gateway.deadlines.keep_alive_ms = 100, |_| {}).await;
    let mut connection = connect(&world).await;
    connection.write_all(LOOK.as_bytes()).await.unwrap();
    assert!(first_answer(&mut connection).await.starts_with("HTTP/1.1 404"));

    assert_eq!(rest(connection).await, "");
}

#[actix_web::test]
async fn a_later_head_that_is_malformed_or_too_large_is_told_so_as_well() {
    let world = world().await;
    let large = format!("GET /nowhere HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(40_000));
    for (head, expected) in
        [("HELO example.com\r\n\r\n", (400, "malformed_request")), (&large, (431, "header_too_large"))]
    {
        let mut connection = connect(&world).await;
        connection.write_all(LOOK.as_bytes()).await.unwrap();
        assert!(first_answer(&mut connection).await.starts_with("HTTP/1.1 404"));

        connection.write_all(head.as_bytes()).await.unwrap();

        let answer = rest(connection).await;
        assert_eq!(told(&answer), expected, "{answer}");
    }
}

#[actix_web::test]
async fn what_is_sent_behind_a_request_without_waiting_does_not_spoil_its_answer() {
    let world = world().await;
    let mut connection = connect(&world).await;

    connection.write_all(format!("{LOOK}HELO example.com\r\n\r\n").as_bytes()).await.unwrap();

    let answers = rest(connection).await;
    let (answer, refusal) = answers.split_once("}HTTP/1.1 ").unwrap();
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("\"not_found\""), "{answers}");
    assert_eq!(told(&format!("HTTP/1.1 {refusal}")), (400, "malformed_request"), "{answers}");
}

#[actix_web::test]
async fn requests_that_are_sent_without_waiting_are_all_answered() {
    const COUNT: usize = 1500;
    let world = world().await;
    let (read, mut write) = connect(&world).await.into_split();
    let reader = actix_web::rt::spawn(async move {
        let (mut read, mut answers) = (read, String::new());
        read.read_to_string(&mut answers).await.unwrap();
        answers
    });

    let last = "GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    write.write_all(format!("{}{last}", LOOK.repeat(COUNT - 1)).as_bytes()).await.unwrap();

    let answers = tokio::time::timeout(PATIENCE, reader).await.unwrap().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), COUNT);
}

#[actix_web::test]
async fn what_is_refused_before_it_is_a_request_is_counted_like_any_other() {
    let world = world_with(impatient, |_| {}).await;
    for head in ["HELO example.com\r\n\r\n", "GET /nowhere HTTP/1.1\r\nhost: "] {
        let mut connection = connect(&world).await;
        connection.write_all(head.as_bytes()).await.unwrap();
        rest(connection).await;
    }

    let exchanges = world.seen.exchanges.lock().unwrap();

    assert_eq!(*exchanges, [("_OTHER".into(), None, 400), ("_OTHER".into(), None, 408)]);
}

/// How many large bodies are read at the same time.
const LARGE_BODIES_MAX: usize = 256;

#[actix_web::test]
async fn large_bodies_that_stop_leave_room_for_small_ones() {
    let crowded = |config: &mut Config| {
        config.gateway.rate_limits.per_address.burst = 100_000;
        config.gateway.deadlines.body_idle_ms = 600_000;
    };
    let world = world_with(crowded, |_| {}).await;
    let head = "POST /auth HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{";
    let mut crowd = Vec::new();
    for _ in 0..LARGE_BODIES_MAX + 44 {
        let mut connection = connect(&world).await;
        connection.write_all(head.as_bytes()).await.unwrap();
        crowd.push(connection);
    }
    let waits = |connection: &mut TcpStream| connection.try_read(&mut [0; 16]).is_err(); // else it was refused
    let patience = Instant::now() + PATIENCE;
    while crowd.len() > LARGE_BODIES_MAX {
        assert!(Instant::now() < patience, "{} wait instead of {LARGE_BODIES_MAX}", crowd.len());
        tokio::time::sleep(Duration::from_millis(1)).await;
        crowd.retain_mut(waits);
    }

    let large = format!("{{\"email\":\"{}\"}}", "a".repeat(50_000));
    let told = world.post_bytes("/auth", large).send().await.unwrap().status().as_u16();
    let small = world.post_bytes("/auth", "{}").send().await.unwrap().status().as_u16();

    assert_eq!((told, small), (503, 422));
}
