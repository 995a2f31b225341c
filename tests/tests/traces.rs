//! The spans of a request, as a collector has them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use portico_tests::{Collector, Home, Node, PASSWORD, eventually, pictures};
use serde_json::json;

/// A caller's trace and span.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

async fn up(collector: &Collector) -> (Home, Node) {
    let home = Home::new().set("telemetry.otlp.endpoint", &collector.url);
    let node = home.up().await;
    (home, node)
}

/// The spans of a trace, once all of `names` are there.
async fn spans(collector: &Collector, trace: &str, names: &[&str]) -> Vec<Span> {
    eventually(&format!("{names:?}"), || async {
        let spans: Vec<_> = collector.spans().into_iter().filter(|span| hex::encode(&span.trace_id) == trace).collect();
        names.iter().all(|name| spans.iter().any(|span| span.name == *name)).then_some(spans)
    })
    .await
}

/// What spans are called on the way from the caller to the one of this name, which is last. Where nodes are apart
/// (`PORTICO_TEST_NODES`), calls from one to another lie between them, each as two spans, and are left out.
fn way(spans: &[Span], name: &str) -> Vec<String> {
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (hex::encode(&span.span_id), span)).collect();
    let mut span = spans.iter().find(|span| span.name == name);
    let mut way = Vec::new();
    while let Some(found) = span {
        if !found.name.starts_with("portico.") {
            way.insert(0, found.name.clone());
        }
        span = by_id.get(&hex::encode(&found.parent_span_id)).copied();
    }
    way
}

#[tokio::test]
async fn a_registration_is_one_tree_from_the_caller_to_the_domains_that_hear_of_it() {
    let collector = Collector::start();
    let (_home, node) = up(&collector).await;

    let new = json!({ "name": "Ann", "email": "ann@example.com", "password": PASSWORD });
    node.client().post("/reg").header("traceparent", &traceparent("01")).json(&new).await.expect(201);

    let names = ["POST /reg", "Register", "hash", "Create", "publish user.registered", "process user.registered"];
    let spans = spans(&collector, TRACE, &names).await;
    let roots: Vec<_> = spans.iter().filter(|span| hex::encode(&span.parent_span_id) == CALLER).collect();
    assert_eq!(roots.iter().map(|span| &span.name).collect::<Vec<_>>(), ["POST /reg"], "of the caller's span");
    assert_eq!(roots[0].kind(), SpanKind::Server);
    assert_eq!(way(&spans, "Create"), ["POST /reg", "Register", "Create"]);
    for part in ["hash", "write users"] {
        assert_eq!(way(&spans, part), ["POST /reg", "Register", part]);
    }
    for event in ["publish user.registered", "process user.registered"] {
        assert_eq!(way(&spans, event), ["POST /reg", "Register", event]);
    }
    assert_eq!(way(&spans, "ApplyUserEvent").first().map(String::as_str), Some("POST /reg"), "{spans:?}");
    for secret in ["ann@example.com", PASSWORD, "Ann"] {
        assert!(!collector.was_told(secret), "{secret} has left the node");
    }
}

#[tokio::test]
async fn an_upload_is_one_tree_and_its_failure_says_why() {
    let collector = Collector::start();
    let (_home, node) = up(&collector).await;
    let ann = node.register("ann").await;

    let uploaded = ann.post("/me/photos").header("traceparent", &traceparent("01"));
    uploaded.form_file("file", "ann.png", pictures::png()).await.expect(201);

    let uploaded = spans(&collector, TRACE, &["POST /me/photos", "Load"]).await;
    assert_eq!(way(&uploaded, "Load"), ["POST /me/photos", "Load"]);
    assert!(uploaded.iter().all(|span| span.status.as_ref().is_none_or(|status| status.code() == StatusCode::Unset)));

    let refused = ann.post("/me/photos").form_file("file", "ann.png", b"no picture".to_vec()).await;
    let trace = refused.json()["trace_id"].as_str().unwrap().to_owned();

    let refused = spans(&collector, &trace, &["POST /me/photos"]).await;
    let request = refused.iter().find(|span| span.name == "POST /me/photos").unwrap();
    let said: BTreeMap<_, _> = request.attributes.iter().map(|said| (said.key.as_str(), &said.value)).collect();
    assert!(format!("{:?}", said["error.type"]).contains("unsupported_media_type"), "{said:?}");
    assert_eq!(request.status.clone().unwrap_or_default().code(), StatusCode::Unset, "it is the client's own");
}

#[tokio::test]
async fn a_trace_that_its_caller_does_not_keep_is_not_sent_and_ratio_decides_of_others() {
    let collector = Collector::start();
    let home = Home::new().set("telemetry.otlp.endpoint", &collector.url).set("telemetry.otlp.trace_ratio", "0");
    let node = home.up().await;

    node.client().get("/docs").header("traceparent", &traceparent("00")).await;
    node.client().get("/docs").await;
    let kept = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    node.client().get("/docs").header("traceparent", kept).await;

    spans(&collector, "0af7651916cd43dd8448eb211c80319c", &["GET /docs"]).await;
    assert_eq!(collector.spans().len(), 1, "{:?}", collector.spans());
}
