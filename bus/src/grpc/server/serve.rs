//! One call: parse, ask, answer; by the caller's deadline and in the caller's trace.

use std::time::Duration;

use actix::Message;
use portico_kernel::{Ask, Deadline, Span, SpanKind, TraceContext};
use tonic::{Code, Request, Response, Status, metadata::MetadataMap};

use crate::grpc::{Answer as _, Domain, Rpc, span, wire};

/// Answers a call by asking `ask`.
pub(super) async fn serve<M: Rpc>(ask: &Ask<M>, request: Request<M::Wire>) -> Result<Response<M::Response>, Status> {
    let (metadata, _, request) = request.into_parts();
    on_behalf(M::PATH, &metadata, answer(ask, request)).await
}

async fn answer<M: Rpc>(ask: &Ask<M>, request: M::Wire) -> Result<Response<M::Response>, Status> {
    let message = M::read(request).map_err(wire::malformed)?;
    let answered: Result<M::Answer, <M::Domain as Domain>::Error> = patient(ask).ask(message).await;
    match answered {
        Ok(answer) => Ok(Response::new(M::Response::write(answer))),
        Err(error) => Err(wire::status(&error)),
    }
}

/// Does the `work` of the call `path` by the deadline and in the trace of the caller.
pub(super) async fn on_behalf<T>(
    path: &'static str,
    metadata: &MetadataMap,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let caller = caller_of(metadata);
    let trace = caller.map_or_else(TraceContext::new_root, TraceContext::child);
    let span = Span::at(trace, caller, SpanKind::Server, || span::name(path));
    let work = trace.scope(work);
    let answer = match timeout_of(metadata) {
        Some(timeout) => Deadline::within(timeout).scope(work).await,
        None => work.await,
    };
    span::end(span, path, answer.as_ref().map_or_else(Status::code, |_| Code::Ok));
    answer
}

/// Has the caller's deadline decide, where it has one, as it would of a local actor.
pub(super) fn patient<M: Message>(ask: &Ask<M>) -> Ask<M> {
    match Deadline::current() {
        Some(deadline) => ask.clone().timeout(deadline.remaining()),
        None => ask.clone(),
    }
}

/// The caller's span, if it says.
fn caller_of(metadata: &MetadataMap) -> Option<TraceContext> {
    metadata.get("traceparent")?.to_str().ok()?.parse().ok()
}

/// `grpc-timeout`: at most 8 digits and a unit
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). One off that grammar is none.
fn timeout_of(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_hours(value)),
        "M" => Some(Duration::from_mins(value)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(text: &str) -> Option<Duration> {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", text.parse().unwrap());
        timeout_of(&metadata)
    }

    #[test]
    fn a_timeout_is_at_most_eight_digits_and_a_unit() {
        assert_eq!(timeout("99999999H"), Some(Duration::from_hours(99_999_999)));
        assert_eq!(timeout("2M"), Some(Duration::from_mins(2)));
        assert_eq!(timeout("3S"), Some(Duration::from_secs(3)));
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("1u"), Some(Duration::from_micros(1)));
        assert_eq!(timeout("0n"), Some(Duration::ZERO));
        for off in ["", "S", "1", "1s", "+1S", "-1S", "100000000S", "1 S", "1SS"] {
            assert_eq!(timeout(off), None, "{off}");
        }
    }

    #[tokio::test]
    async fn a_call_without_a_traceparent_begins_a_trace_and_one_with_it_a_span_in_it() {
        let trace_of = async |metadata: &MetadataMap| {
            let within = on_behalf("/test.v1.Tests/Test", metadata, async { Ok(TraceContext::current().unwrap()) });
            within.await.unwrap()
        };
        let caller = TraceContext::new_root();
        let mut metadata = MetadataMap::new();
        assert_ne!(trace_of(&metadata).await.trace_id(), caller.trace_id());

        metadata.insert("traceparent", caller.to_string().parse().unwrap());
        let continued = trace_of(&metadata).await;

        assert_eq!(continued.trace_id(), caller.trace_id());
        assert_ne!(continued.span_id(), caller.span_id());
    }
}
