//! What a logged event becomes.

use std::fmt;

use crate::support::world;
use portico_kernel::TraceContext;
use portico_log::{Limits, RECORD_BYTES_MAX, testkit::Memory};
use proptest::{
    prelude::any,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tracing::{error, info, info_span, warn};

/// What `log` logged, as lines of text.
async fn lines(log: impl FnOnce()) -> Vec<String> {
    let mut world = world(Limits::default());
    {
        let _listening = world.listen();
        log();
    }
    world.inbox.drain(&*world.store).await.unwrap();
    world.store.text().split_inclusive('\n').map(str::to_owned).collect()
}

/// The one record that `log` logged.
async fn record(log: impl FnOnce()) -> Value {
    let lines = lines(log).await;
    assert_eq!(lines.len(), 1);
    serde_json::from_str(&lines[0]).unwrap()
}

#[tokio::test]
async fn an_event_becomes_a_record_of_the_opentelemetry_data_model() {
    let trace: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();

    let mut record = record(|| {
        trace.sync_scope(
            || warn!(target: "portico_user::actor", { user.id = 7, ok = true, ratio = 0.5 }, "signed {}", "in"),
        );
    })
    .await;

    assert_eq!(record["boot"].take().as_str().unwrap().len(), 36);
    assert_eq!(
        record,
        json!({
            "Timestamp": "2026-01-01T12:00:00.000042Z",
            "SeverityText": "WARN",
            "SeverityNumber": 13,
            "TraceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "SpanId": "00f067aa0ba902b7",
            "Body": "signed in",
            "Attributes": {"user.id": 7, "ok": true, "ratio": 0.5},
            "InstrumentationScope": {"name": "portico_user::actor"},
            "Resource": {
                "service.name": "user",
                "service.namespace": "portico",
                "service.instance.id": "node-1",
                "service.version": "1.2.3",
            },
            "boot": null,
            "sequence": 1,
        })
    );
}

#[tokio::test]
async fn records_of_a_run_are_numbered_without_gaps() {
    let lines = lines(|| (0..5).for_each(|_| info!("again"))).await;

    let sequences: Vec<_> =
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64()).collect();
    assert_eq!(sequences, (1..=5).map(Some).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_has_the_fields_of_its_spans_and_the_innermost_wins() {
    let record = record(|| {
        let outer = info_span!("outer", route = "/me", attempt = 1, later = tracing::field::Empty);
        let _outer = outer.enter();
        outer.record("later", "known");
        outer.record("attempt", 2);
        let _inner = info_span!("inner", attempt = 3, user = "ann").entered();
        info!(user = "bob", "served");
    })
    .await;

    assert_eq!(record["Attributes"], json!({"user": "bob", "attempt": 3, "route": "/me", "later": "known"}));
}

#[tokio::test]
async fn trace_ids_are_taken_from_fields_when_no_trace_is_current() {
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";

    let record = record(|| {
        let _span = info_span!("request", trace_id, span_id = %"00f067aa0ba902b7").entered();
        info!("served");
    })
    .await;

    assert_eq!((&record["TraceId"], &record["SpanId"]), (&json!(trace_id), &json!("00f067aa0ba902b7")));
    assert_eq!(record["Attributes"], json!({}));
}

#[tokio::test]
async fn an_error_is_told_with_its_causes() {
    let cause = std::io::Error::other("disk is full");
    let error = portico_kernel::StoreError::Full(cause.into());

    let record = record(|| error!(error = &error as &dyn std::error::Error, "not kept")).await;

    assert_eq!(record["Attributes"]["error"], "store is full: disk is full");
}

#[tokio::test]
async fn canaries_under_secret_names_never_appear() {
    const CANARY: &str = "canary-7f3a";

    let lines = lines(|| {
        let _span = info_span!("request", cookie = CANARY, token = ?CANARY).entered();
        let span = info_span!("inner", password = tracing::field::Empty).entered();
        span.record("password", CANARY);
        info!(password = CANARY, new_password = %CANARY, authorization = ?Some(CANARY), "one");
        info!({ "http.request.header.set-cookie" = CANARY, "X-Api-Key" = CANARY, accessToken = CANARY, secret = 7353 }, "two");
        error!(credential = &std::io::Error::other(CANARY) as &dyn std::error::Error, session_token = 7353_u128, "three");
    })
    .await;

    assert_eq!(lines.len(), 3);
    for line in lines {
        assert!(!line.contains(CANARY) && !line.contains("7353") && line.contains("[redacted]"), "{line}");
    }
}

#[tokio::test]
async fn no_text_can_break_a_line() {
    let hostile = "a\nb\r\0\u{1b}[31m\u{2028}\"}{\\";

    let lines = lines(|| {
        info!(hostile, "{hostile}");
        info!(debug = ?hostile, "second");
    })
    .await;

    assert_eq!(lines.len(), 2);
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&first["Body"], &first["Attributes"]["hostile"]), (&json!(hostile), &json!(hostile)));
    assert!(!lines[0].trim_end().contains(|letter: char| letter.is_ascii_control()));
}

#[test]
fn any_text_is_read_back_whole_from_one_line() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(64) });

    let outcome = runner.run(&any::<String>(), |text| {
        let record = runtime.block_on(record(|| info!(text, "{text}")));
        assert_eq!((record["Body"].as_str(), record["Attributes"]["text"].as_str()), (Some(&*text), Some(&*text)));
        Ok(())
    });

    outcome.unwrap();
}

#[tokio::test]
async fn long_texts_and_many_attributes_are_cut_and_say_so() {
    let long = "\u{1}é".repeat(100_000);

    let lines = lines(|| {
        info!(a = long, b = %long, c = ?long, d = long, e = 5, "{long}");
    })
    .await;

    let record: Value = serde_json::from_str(&lines[0]).unwrap();
    assert!(lines[0].len() < RECORD_BYTES_MAX);
    assert!(record["Body"].as_str().unwrap().ends_with("...[truncated]"));
    assert_eq!(record["Attributes"]["log.attributes_dropped"], true);
    assert_eq!(record["Attributes"]["e"], 5);
}

#[tokio::test]
async fn a_value_that_logs_or_panics_while_it_is_formatted_harms_no_other_record() {
    struct Talkative;
    impl fmt::Debug for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!("from within");
            f.write_str("talkative")
        }
    }
    struct Broken;
    impl fmt::Debug for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("as the test told it")
        }
    }

    let lines = lines(|| {
        info!(value = ?Talkative, "outer");
        let panicked = std::panic::catch_unwind(|| info!(value = ?Broken, "lost"));
        assert!(panicked.is_err());
        info!("after");
    })
    .await;

    let bodies: Vec<_> =
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["Body"].clone()).collect();
    assert_eq!(bodies.last(), Some(&json!("after")));
    assert!(bodies.contains(&json!("outer")) && !bodies.contains(&json!("lost")));
}

#[tokio::test]
async fn the_store_in_memory_holds_the_contract() {
    use portico_log::testkit::contract::{Subject, hold};
    use std::sync::Arc;
    struct InMemory(Arc<Memory>);
    impl Subject for InMemory {
        fn store(&self) -> Arc<dyn portico_log::Store> {
            self.0.clone()
        }
        fn crash(&mut self) {}
        fn lines(&self) -> Vec<Vec<u8>> {
            self.0.records().iter().map(|record| record.line().to_vec()).collect()
        }
    }

    hold(|| InMemory(Arc::default())).await;
}
