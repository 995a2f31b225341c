//! Calls as spans, by OpenTelemetry's semantic conventions for gRPC but for what is a failure of the side that asks.

use std::borrow::Cow;

use portico_kernel::Span;
use tonic::Code;

/// What the span of the call `path` is called: `portico.user.v1.Users/GetUser`.
pub(super) fn name(path: &'static str) -> Cow<'static, str> {
    path.trim_start_matches('/').into()
}

/// Ends the span of a call by its answer. What the caller's own user did wrong is no failure, of either side: so a trace that
/// failed is one that somebody should look at.
pub(super) fn end(span: Option<Span>, path: &'static str, code: Code) {
    let Some(mut span) = span else { return };
    span.set("rpc.method", path.trim_start_matches('/'));
    span.set("rpc.system.name", "grpc");
    span.set("rpc.response.status_code", code_name(code));
    if is_failure(code) { span.fail(code_name(code)) } else { span.end() }
}

/// The codes that are errors of whoever answers (OpenTelemetry semantic conventions for gRPC).
fn is_failure(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// As the specification of gRPC writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
