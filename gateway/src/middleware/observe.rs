//! Gives every request its identity, and makes one record of it when it is answered.
//!
//! Invariant: a record holds the route's template, never the path, the query or the client's address: those are personal. Of
//! whoever asked it holds the user's id alone.

use std::sync::Arc;

use actix_web::{HttpMessage as _, dev::ServiceRequest, web::Data};
use portico_kernel::{Span, SpanKind, TraceContext, UserId};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Answered,
    ids::{self, RequestId, TRACEPARENT},
};
use crate::{
    metrics::{Exchange, HttpMetrics},
    problem::Code,
};

/// Runs the request in its trace, and tells its ids to the client. Whatever is logged meanwhile carries the trace and the
/// span of the request, and so need not repeat what the request's own record says.
pub(super) async fn observe(request: ServiceRequest, within: impl AsyncFnOnce(ServiceRequest) -> Answered) -> Answered {
    let began = Instant::now();
    let metrics = request.app_data::<Data<Arc<dyn HttpMetrics>>>().cloned();
    let (caller, id, method) = (caller(&request), RequestId::new(), known_method(&request));
    let trace = caller.map_or_else(TraceContext::new_root, TraceContext::child);
    let span = Span::at(trace, caller, SpanKind::Server, || name(method).into());
    let exchange = async {
        let answer = within(request).await;
        if let Ok(answer) = &answer {
            let route = answer.request().match_pattern();
            let status = answer.status().as_u16();
            let problem = answer.response().extensions().get::<Code>().copied().map(Code::name);
            let exchange = Exchange { method, route, status, duration: began.elapsed(), problem };
            let user = answer.request().extensions().get::<UserId>().copied(); // of the session or the sign-in, once it is known
            record(&exchange, &id, user);
            end(span, &exchange);
            if let Some(metrics) = metrics {
                metrics.record(exchange);
            }
        }
        answer
    };
    let mut answer = trace.scope(exchange).await?;
    ids::add(answer.headers_mut(), &trace, &id);
    Ok(answer)
}

/// The span of the caller's that the request is a part of, if it says.
fn caller(request: &ServiceRequest) -> Option<TraceContext> {
    let mut given = request.headers().get_all(TRACEPARENT);
    given.next().filter(|_| given.next().is_none())?.to_str().ok()?.parse().ok()
}

/// Ends the span of a request by its answer. Who asked for what is not said: it leaves the node.
fn end(span: Option<Span>, exchange: &Exchange) {
    let Some(mut span) = span else { return };
    if let Some(route) = &exchange.route {
        span.rename(format!("{} {route}", name(exchange.method)));
        span.set("http.route", route.clone());
    }
    span.set("http.request.method", exchange.method);
    span.set("http.response.status_code", exchange.status);
    match exchange.problem {
        problem if exchange.status >= 500 => span.fail(problem.unwrap_or("internal")),
        Some(problem) => {
            span.set("error.type", problem);
            span.end();
        }
        None => span.end(),
    }
}

/// Ids are given as texts: what has to be formatted takes the log a good deal longer.
fn record(exchange: &Exchange, id: &str, user: Option<UserId>) {
    let mut buffer = Uuid::encode_buffer();
    let user: Option<&str> = user.map(|user| &*user.uuid().hyphenated().encode_lower(&mut buffer));
    tracing::info!(
        http.request.method = exchange.method,
        http.route = exchange.route.as_deref(),
        http.response.status_code = exchange.status,
        http.server.request.duration_s = exchange.duration.as_secs_f64(),
        http.request.id = id,
        user.id = user,
        error.type = exchange.problem,
        "request answered",
    );
}

/// What stands for a method in the name of a span (OpenTelemetry semantic conventions for HTTP).
fn name(method: &'static str) -> &'static str {
    if method == "_OTHER" { "HTTP" } else { method }
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
