//! A record's line: JSON with the field names of the OpenTelemetry log data model.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/logs/data-model/>, whose JSON examples name the fields so. Timestamp
//! is RFC 3339 with microseconds, not nanoseconds since 1970, since people read these files. Two fields are ours: `boot`
//! and `sequence`, by which a writer knows a record that it has seen.
//!
//! Invariant: all text passes through a JSON encoder, so that no control character can break a line.

use portico_kernel::{Hex, TraceContext};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{Origin, Service, Severity};

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The longest that [`finish`] makes a line.
pub(crate) const FINISH_BYTES_MAX: usize = r#","sequence":18446744073709551615}"#.len() + 1;

/// What a line is made of. Values that are already JSON say so.
pub(crate) struct Parts<'a> {
    pub(crate) time: OffsetDateTime,
    pub(crate) severity: Severity,
    pub(crate) trace: Option<(&'a str, &'a str)>,
    /// A JSON value; empty when the record says nothing but its attributes.
    pub(crate) body_json: &'a [u8],
    /// The members of a JSON object, without its braces.
    pub(crate) attributes_json: &'a [u8],
    pub(crate) service: &'a Service,
    pub(crate) scope: &'a str,
}

impl Parts<'_> {
    /// Writes the line, all but its end, which only the reader of the queue can know. `origin_json` is
    /// [`origin_json`]'s.
    pub(crate) fn write(&self, origin_json: &OriginJson, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"Timestamp\":\"");
        self.time.format_into(out, TIMESTAMP).expect("memory takes every byte, and a date has all parts of the format");
        out.extend_from_slice(b"\",\"SeverityText\":");
        json(out, self.severity.text());
        out.extend_from_slice(b",\"SeverityNumber\":");
        json(out, self.severity.number());
        if let Some((trace_id, span_id)) = self.trace {
            out.extend_from_slice(b",\"TraceId\":");
            json(out, trace_id);
            if !span_id.is_empty() {
                out.extend_from_slice(b",\"SpanId\":");
                json(out, span_id);
            }
        }
        if !self.body_json.is_empty() {
            out.extend_from_slice(b",\"Body\":");
            out.extend_from_slice(self.body_json);
        }
        out.extend_from_slice(b",\"Attributes\":{");
        out.extend_from_slice(self.attributes_json);
        out.extend_from_slice(b"},\"InstrumentationScope\":{\"name\":");
        json(out, self.scope);
        out.extend_from_slice(b"},\"Resource\":{\"service.name\":");
        json(out, self.service.as_str());
        out.extend_from_slice(&origin_json.0);
    }
}

/// The part of a line that is the same for all records of a run.
pub(crate) struct OriginJson(Vec<u8>);

impl OriginJson {
    pub(crate) fn new(origin: &Origin) -> Self {
        let mut out = b",\"service.namespace\":\"portico\",\"service.instance.id\":".to_vec();
        json(&mut out, &*origin.instance);
        out.extend_from_slice(b",\"service.version\":");
        json(&mut out, &*origin.version);
        out.extend_from_slice(b"},\"boot\":");
        json(&mut out, origin.boot);
        Self(out)
    }
}

/// Ends a line.
pub(crate) fn finish(line: &mut Vec<u8>, sequence: u64) {
    line.extend_from_slice(b",\"sequence\":");
    json(line, sequence);
    line.extend_from_slice(b"}\n");
}

/// The ids of the work that is being done, in hexadecimal.
pub(crate) fn current_trace() -> Option<(Hex<32>, Hex<16>)> {
    TraceContext::current().map(|trace| (trace.trace_id(), trace.span_id()))
}

/// Writes one value as JSON.
pub(crate) fn json(out: &mut Vec<u8>, value: impl serde::Serialize) {
    serde_json::to_writer(out, &value).expect("memory takes every byte, and only numbers and texts are written");
}
