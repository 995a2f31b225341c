//! Calls as spans (OpenTelemetry semantic conventions for gRPC).

use std::borrow::Cow;

use portico_kernel::Span;
use tonic::Code;

/// What the span of the call `path` is called: `portico.user.v1.Users/GetUser`.
pub(super) fn name(path: &'static str) -> Cow<'static, str> {
    path.trim_start_matches('/').into()
}

/// Ends the span of a call by its answer; `fails` tells which codes are failures of the side that the span is of.
pub(super) fn end(span: Option<Span>, code: Code, fails: impl FnOnce(Code) -> bool) {
    let Some(mut span) = span else { return };
    span.set("rpc.system.name", "grpc");
    span.set("rpc.response.status_code", code_name(code));
    if code != Code::Ok && fails(code) { span.fail(code_name(code)) } else { span.end() }
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
