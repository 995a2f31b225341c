//! The record of a request: who asked and what came of it, and nothing that is personal beyond the user's id.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex, OnceLock, atomic::Ordering},
    time::Duration,
};

use portico_config::Rate;
use portico_kernel::Deadline;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{
    stopping::waiting,
    world::{PASSWORD, world, world_with},
};

/// A record's fields by name, as text.
type Record = BTreeMap<&'static str, String>;

/// Keeps the records of this process's gateways that name a request, and what the HTTP library calls an error.
struct Listener;

static RECORDS: Mutex<Vec<Record>> = Mutex::new(Vec::new());
static ERRORS: Mutex<Vec<Record>> = Mutex::new(Vec::new());

fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| tracing::subscriber::set_global_default(Listener).unwrap());
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_library_error = metadata.target().starts_with("actix_http") && *metadata.level() == Level::ERROR;
        metadata.is_event() && (is_library_error || metadata.target().starts_with("portico_gateway"))
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(Record::new());
        event.record(&mut fields);
        if fields.0.contains_key("http.request.id") {
            RECORDS.lock().unwrap().push(fields.0);
        } else if event.metadata().target().starts_with("actix_http") {
            ERRORS.lock().unwrap().push(fields.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields(Record);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// Sends a request; answers the one record of it.
async fn recorded(request: RequestBuilder) -> Record {
    listen();
    let answer = request.send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    let mut records = RECORDS.lock().unwrap();
    let mut own = records.extract_if(.., |record| record["http.request.id"] == id);
    let record = own.next().unwrap();
    assert!(own.next().is_none(), "one record a request");
    record
}

/// User and problem of a record.
fn who_and_what(record: &Record) -> (Option<&str>, Option<&str>) {
    (record.get("user.id").map(String::as_str), record.get("error.type").map(String::as_str))
}

#[actix_web::test]
async fn a_record_names_the_user_once_the_session_is_known() {
    let world = world().await;
    let ann = world.seen.ann.id.to_string();

    let served = recorded(world.as_ann(Method::GET, "/me")).await;
    let refused = recorded(world.as_ann(Method::GET, "/me/photos/0197f000-0000-7000-8000-000000000000")).await;
    let stranger = recorded(world.get("/me")).await;

    assert_eq!(who_and_what(&served), (Some(ann.as_str()), None));
    assert_eq!(who_and_what(&refused), (Some(ann.as_str()), Some("photo_unknown")));
    assert_eq!(who_and_what(&stranger), (None, Some("session_missing")));
}

#[actix_web::test]
async fn the_record_of_a_sign_in_names_the_user_once_the_password_is_known_to_be_right() {
    let world = world().await;
    let ann = world.seen.ann.id.to_string();
    let sign_in = |password: &str| world.post("/auth", &json!({ "email": "ann@example.com", "password": password }));

    let right = recorded(sign_in(PASSWORD)).await;
    let wrong = recorded(sign_in("guess guess")).await;
    let opened = recorded(world.post("/reg", &crate::world::new_user("bob@example.com"))).await;

    assert_eq!(who_and_what(&right), (Some(ann.as_str()), None));
    assert_eq!(who_and_what(&wrong), (None, Some("bad_credentials")));
    assert!(who_and_what(&opened).0.is_some(), "{opened:?}");
}

#[actix_web::test]
async fn a_record_names_the_problem_wherever_it_was_found() {
    let world =
        world_with(|config| config.gateway.rate_limits.per_account = Rate { burst: 1, per_s: 0.1 }, |_| {}).await;
    let ann = world.seen.ann.id.to_string();
    recorded(world.as_ann(Method::GET, "/me")).await;

    let limited = recorded(world.as_ann(Method::GET, "/me")).await;
    let forged = recorded(world.post("/auth", &json!({})).header("origin", "https://evil.example")).await;
    let nowhere = recorded(world.get("/nowhere")).await;
    let panicked = recorded(world.post("/reg", &crate::world::new_user("panic@example.com"))).await;

    assert_eq!(who_and_what(&limited), (Some(ann.as_str()), Some("rate_limited")));
    assert_eq!(who_and_what(&forged), (None, Some("cross_site")));
    assert_eq!(who_and_what(&nowhere), (None, Some("not_found")));
    assert_eq!(who_and_what(&panicked), (None, Some("internal")));
}

#[actix_web::test]
async fn a_record_holds_neither_an_address_nor_an_e_mail_address() {
    let world = world().await;
    let sign_in = |password: &str| world.post("/auth", &json!({ "email": "ann@example.com", "password": password }));

    for request in [sign_in("guess guess"), sign_in(PASSWORD), world.as_ann(Method::GET, "/me")] {
        let record = recorded(request.header("user-agent", "Mosaic")).await;

        let text = format!("{record:?}").to_lowercase();
        for personal in ["ann@", "example.com", "127.0.0.1", "mosaic", "guess"] {
            assert!(!text.contains(personal), "{personal}: {text}");
        }
    }
}

#[actix_web::test]
async fn a_head_that_is_malformed_is_recorded_with_its_id_and_is_no_error_of_the_servers() {
    listen();
    let world = world().await;
    let nonsense = "HELO example.com\r\n\r\n";
    let mut answers = Vec::new();

    for sent in [nonsense.to_owned(), format!("GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n{nonsense}")] {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        connection.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answers.push(answer);
    }

    let id = answers[0].lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    let records = RECORDS.lock().unwrap();
    let record = records.iter().find(|record| record["http.request.id"] == id).unwrap();
    assert_eq!(who_and_what(record), (None, Some("malformed_request")));
    drop(records);
    expect_no_stream_errors();
}

/// What the HTTP library calls an error of a stream is a client's.
fn expect_no_stream_errors() {
    let errors = ERRORS.lock().unwrap();
    let of_stream = errors.iter().filter(|error| error["message"].starts_with("stream error")).count();
    assert_eq!(of_stream, 0, "{errors:?}");
}

#[actix_web::test]
async fn a_malformed_head_behind_the_last_request_of_a_node_that_stops_is_no_error_of_the_servers() {
    listen();
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let world = world_with(|_| {}, |asks| waiting(asks, Arc::clone(&entered), Arc::clone(&leave))).await;
    let mut connection = TcpStream::connect(world.address).await.unwrap();
    let bearer = format!("authorization: Bearer {}", world.token());
    let request = format!("GET /me HTTP/1.1\r\nhost: x\r\n{bearer}\r\n\r\nHELO example.com\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    entered.notified().await;

    world.draining.store(true, Ordering::SeqCst);
    let stopped = actix_web::rt::spawn(world.serving.stop(Deadline::within(Duration::from_mins(1))));
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    leave.notify_one();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).await.unwrap();

    assert!(answers.starts_with("HTTP/1.1 409") && answers.contains(r#""code":"conflict""#), "{answers}");
    assert_eq!(stopped.await.unwrap(), 0);
    expect_no_stream_errors();
}

#[actix_web::test]
async fn a_flood_of_malformed_heads_makes_few_records() {
    listen();
    let world = world().await;
    let is_refusal = |record: &&Record| record["message"] == "request refused before it was whole";

    for _ in 0..300 {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        connection.write_all(b"HELO example.com\r\n\r\n").await.unwrap();
        connection.read_to_end(&mut Vec::new()).await.unwrap();
    }

    let made = RECORDS.lock().unwrap().iter().filter(is_refusal).count();
    assert!((1..200).contains(&made), "{made}");
    assert_eq!(world.seen.exchanges.lock().unwrap().len(), 300, "each is counted");
}
