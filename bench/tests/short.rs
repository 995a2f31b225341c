//! The benchmark works: it keeps its schedule, counts what it sent, and writes what it found. What it found is not
//! judged here: a test machine is busy.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    process::Command,
    time::Duration,
};

use portico_bench::{
    load::{self, Outcome, Pace, Plan, Request, WhenBusy},
    node::Node,
    reference::{self, Canned},
};
use serde_json::Value;

/// A server that answers 204 to everything, on any core.
fn bare() -> Node {
    let canned = Canned { status: 204, headers: vec![("x-user-id".into(), "1".into())], body: String::new() };
    reference::start(&canned, env!("CARGO_BIN_EXE_bench").as_ref(), None).unwrap()
}

fn load(plan: Plan) -> Outcome {
    load::run(None, &[plan]).unwrap().swap_remove(0)
}

fn plan(server: SocketAddr, pace: Pace, connections: usize) -> Plan {
    let requests = [Request::get("/session/verify", None)].into();
    let window = Duration::from_millis(500);
    Plan { server, requests, once: false, pace, connections, window }
}

#[test]
fn an_open_loop_sends_by_its_schedule_and_counts_latency_from_it() {
    let server = bare();

    let outcome = load(plan(server.gateway, Pace::Open { per_s: 400.0, when_busy: WhenBusy::Wait }, 8));

    assert_eq!((outcome.due, outcome.unsent, outcome.broken), (200, 0, 0), "{}", outcome.describe());
    assert!(outcome.is_only(204), "{}", outcome.describe());
    let (latency, lateness) = (outcome.of(204).quantile(1.0), outcome.lateness.quantile(1.0));
    assert!(latency > lateness, "a latency counts from the due time: {latency:?}, sent after {lateness:?}");
}

#[test]
fn a_stall_is_charged_to_everybody_who_was_due_meanwhile() {
    const STALL: Duration = Duration::from_millis(200);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let stalling = std::thread::spawn(move || {
        let mut connection = BufReader::new(listener.accept().unwrap().0);
        std::thread::sleep(STALL); // what a stall is; nobody waits for it to be over
        let mut line = String::new();
        while connection.read_line(&mut line).unwrap() > 0 {
            if line == "\r\n" {
                connection.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            }
            line.clear();
        }
    });

    let outcome = load(plan(server, Pace::Open { per_s: 100.0, when_busy: WhenBusy::Wait }, 1));

    stalling.join().unwrap();
    assert!(outcome.is_only(204) && outcome.due == 50, "{}", outcome.describe());
    // Of 50 requests, ten were due in the first half of the stall; a client that waits its turn would have sent one.
    assert!(outcome.of(204).quantile(0.82) >= STALL / 2, "{:?}", outcome.of(204));
}

#[test]
fn an_open_loop_gives_up_what_finds_no_connection_and_counts_it() {
    let server = bare();

    let outcome = load(plan(server.gateway, Pace::Open { per_s: 1e6, when_busy: WhenBusy::GiveUp }, 1));

    assert_eq!(outcome.due, 500_000);
    assert_eq!(outcome.due - outcome.unsent, outcome.count(204) as u64, "{}", outcome.describe());
    assert!(outcome.unsent > 0 && outcome.count(204) > 0, "{}", outcome.describe());
}

#[test]
fn a_closed_loop_counts_each_answer_once_and_ends_when_it_has_asked_everything() {
    let server = bare();
    let requests = vec![Request::get("/me", None); 100];

    let outcome = load(Plan { requests: requests.into(), once: true, ..plan(server.gateway, Pace::Closed, 4) });

    assert_eq!((outcome.due, outcome.count(204), outcome.broken), (100, 100, 0), "{}", outcome.describe());
}

#[test]
fn a_server_that_hangs_up_leaves_broken_requests_and_no_hanging_generator() {
    const CONNECTIONS: usize = 8;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let hang_up = std::thread::spawn(move || {
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| listener.accept().unwrap()).collect();
        drop((connections, listener));
    });

    let outcome = load(plan(server, Pace::Open { per_s: 400.0, when_busy: WhenBusy::Wait }, CONNECTIONS));

    hang_up.join().unwrap();
    assert_eq!((outcome.due, outcome.broken, outcome.answered()), (200, 200, 0), "{}", outcome.describe());
}

#[test]
fn a_short_run_measures_every_figure_over_http_and_writes_a_list_of_them() {
    const NAMES: [&str; 8] = [
        "me_hot",
        "verify_hot",
        "sign_in",
        "me_during_sign_in_storm",
        "sign_in_shed_ms",
        "overload_goodput",
        "overload_p99",
        "register_durable",
    ];
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("results/latest.json");

    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.arg("--short").arg("--node").arg(portico_tests::binary()).arg("--out").arg(&out).args(NAMES);
    let ran = bench.output().unwrap();

    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(matches!(ran.status.code(), Some(0 | 1)), "1 for a missed floor, 0 for none: {said}");
    let figures: Vec<Value> = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect::<Vec<_>>(), NAMES);
    for figure in figures {
        let number = |key: &str| figure[key].as_f64().unwrap_or_else(|| panic!("{key} in {figure}"));
        let ratio = number("value") / number("reference_value");
        assert!((number("ratio") - ratio).abs() < 1e-9, "{figure}");
        assert!(figure["floor"].is_f64() || figure["floor"].is_null(), "{figure}");
        assert!(
            figure["pass"].is_boolean() && figure["direction"].is_string() && figure["unit"].is_string(),
            "{figure}"
        );
        assert!(figure["notes"].as_array().is_some_and(|notes| !notes.is_empty()), "{figure}");
    }
}
