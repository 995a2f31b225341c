//! The ids of a request, and the headers that tell them to its client.

use std::ops::Deref;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use portico_kernel::{Clock as _, SystemClock, TraceContext};
use uuid::{Builder, Uuid, fmt::Hyphenated};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What names a request, in its answer and in what is logged of it: a UUID v7, as it is written.
pub(crate) struct RequestId([u8; Hyphenated::LENGTH]);

impl RequestId {
    /// A new one. It opens nothing, so that its random part need not come from the system at the price of a call.
    pub(crate) fn new() -> Self {
        let now = SystemClock.now();
        let now_ms = now.unix_timestamp() * 1_000 + i64::from(now.millisecond());
        let [random @ .., _, _, _, _, _, _] = fastrand::u128(..).to_ne_bytes();
        let id = Builder::from_unix_timestamp_millis(u64::try_from(now_ms).unwrap_or_default(), &random).into_uuid();
        let mut text = [0; Hyphenated::LENGTH];
        id.hyphenated().encode_lower(&mut text);
        Self(text)
    }
}

impl Deref for RequestId {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits and dashes are ASCII")
    }
}

/// Tells them.
pub(crate) fn add(headers: &mut HeaderMap, trace: &TraceContext, id: &str) {
    headers.insert(TRACEPARENT, value(&trace.traceparent()));
    headers.insert(REQUEST_ID, value(id));
}

/// An id as a header's value.
pub(crate) fn id_value(id: &Uuid) -> HeaderValue {
    value(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids are written in visible ASCII")
}
