//! The ids of a request, and the headers that tell them to its client.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use portico_kernel::{Clock as _, SystemClock, TraceContext};
use uuid::{Builder, Uuid};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A UUID v7. It names a request and opens nothing, so that its random part need not come from the system at the price of
/// a call.
pub(crate) fn request_id() -> Uuid {
    let now_ms = SystemClock.now().unix_timestamp_nanos() / 1_000_000;
    let [random @ .., _, _, _, _, _, _] = fastrand::u128(..).to_ne_bytes();
    Builder::from_unix_timestamp_millis(u64::try_from(now_ms).unwrap_or_default(), &random).into_uuid()
}

/// Tells them.
pub(crate) fn add(headers: &mut HeaderMap, trace: &TraceContext, id: &Uuid) {
    headers.insert(TRACEPARENT, value(&trace.traceparent()));
    headers.insert(REQUEST_ID, id_value(id));
}

/// An id as a header's value.
pub(crate) fn id_value(id: &Uuid) -> HeaderValue {
    value(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids are written in visible ASCII")
}
