//! Gives every request its identity, and makes one record of it when it is answered.
//!
//! Invariant: a record holds the route's template, never the path, the query or the client's address: those are personal.

use std::sync::Arc;

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};
use portico_kernel::TraceContext;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};
use uuid::Uuid;

use crate::metrics::{Exchange, HttpMetrics};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs the request in its trace and its span, and tells its ids to the client.
pub(crate) async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let metrics = request.app_data::<Data<Arc<dyn HttpMetrics>>>().cloned();
    let (trace, id, method) = (trace(&request), Uuid::now_v7(), known_method(&request));
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        http.request.method = method,
        http.route = field::Empty,
        http.response.status_code = field::Empty,
        http.request.id = %id,
    );
    let exchange = async {
        let answer = next.call(request).await;
        if let Ok(answer) = &answer {
            let route = answer.request().match_pattern();
            let status = answer.status().as_u16();
            let exchange = Exchange { method, route: route.as_deref(), status, duration: began.elapsed() };
            record(&exchange, &id);
            if let Some(metrics) = metrics {
                metrics.record(&exchange);
            }
        }
        answer
    };
    let mut answer = trace.scope(exchange.instrument(span)).await?.map_into_boxed_body();
    let headers = answer.headers_mut();
    headers.insert(TRACEPARENT, value(&trace));
    headers.insert(REQUEST_ID, value(&id));
    Ok(answer)
}

/// A span of the caller's trace, or of a new one.
fn trace(request: &ServiceRequest) -> TraceContext {
    let mut given = request.headers().get_all(TRACEPARENT);
    let only = given.next().filter(|_| given.next().is_none());
    let parent = only.and_then(|value| value.to_str().ok()?.parse::<TraceContext>().ok());
    parent.map_or_else(TraceContext::new_root, TraceContext::child)
}

fn record(exchange: &Exchange<'_>, id: &Uuid) {
    Span::current().record("http.route", exchange.route).record("http.response.status_code", exchange.status);
    tracing::info!(
        http.request.method = exchange.method,
        http.route = exchange.route,
        http.response.status_code = exchange.status,
        http.server.request.duration_s = exchange.duration.as_secs_f64(),
        http.request.id = %id,
        "request answered",
    );
}

/// A method of a closed set (OpenTelemetry semantic conventions for HTTP).
fn known_method(request: &ServiceRequest) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

fn value(text: &impl ToString) -> HeaderValue {
    HeaderValue::from_str(&text.to_string()).expect("ids are written in visible ASCII")
}
