//! A record's line: JSON with the field names of the OpenTelemetry log data model.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/logs/data-model/>, whose JSON examples name the fields so. Timestamp
//! is RFC 3339 with microseconds, not nanoseconds since 1970, since people read these files. Two fields are ours: `boot`
//! and `sequence`, by which a writer knows a record that it has seen.
//!
//! Invariant: all text passes through a JSON encoder, so that no control character can break a line.

use std::cell::Cell;

use portico_kernel::{Hex, TraceContext};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{Origin, Service, Severity};

/// A timestamp up to its fraction.
const TO_THE_SECOND: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].");
const TO_THE_SECOND_BYTES: usize = "2026-01-01T00:00:00.".len();

thread_local! {
    /// The second of this thread's last record, since 1970, and how it is written: the next record mostly is of the same.
    static SECOND: Cell<(i64, [u8; TO_THE_SECOND_BYTES])> = const { Cell::new((i64::MIN, [0; TO_THE_SECOND_BYTES])) };
}

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
        timestamp(out, self.time);
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

/// Writes a time in UTC.
fn timestamp(out: &mut Vec<u8>, time: OffsetDateTime) {
    let second = time.unix_timestamp();
    match SECOND.try_with(Cell::get) {
        Ok((known, text)) if known == second => out.extend_from_slice(&text),
        _ => {
            let start = out.len();
            time.format_into(out, TO_THE_SECOND)
                .expect("memory takes every byte, and a date has all parts of the format");
            if let Ok(text) = out[start..].try_into() {
                let _at_thread_end = SECOND.try_with(|known| known.set((second, text)));
            }
        }
    }
    let (mut digits, mut rest) = (*b"000000Z", time.microsecond());
    for digit in digits[..6].iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

/// The ids of the work that is being done, in hexadecimal.
pub(crate) fn current_trace() -> Option<(Hex<32>, Hex<16>)> {
    TraceContext::current().map(|trace| (trace.trace_id(), trace.span_id()))
}

/// Writes one value as JSON.
pub(crate) fn json(out: &mut Vec<u8>, value: impl serde::Serialize) {
    serde_json::to_writer(out, &value).expect("memory takes every byte, and only numbers and texts are written");
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_timestamp_is_written_alike_whether_its_second_was_written_before_or_not() {
        let moments = [
            (datetime!(2026-02-03 04:05:06.000007 UTC), "2026-02-03T04:05:06.000007Z"),
            (datetime!(2026-02-03 04:05:06.987654321 UTC), "2026-02-03T04:05:06.987654Z"),
            (datetime!(2026-02-03 04:05:07 UTC), "2026-02-03T04:05:07.000000Z"),
            (datetime!(2026-02-03 04:05:06.5 UTC), "2026-02-03T04:05:06.500000Z"),
            (datetime!(1969-12-31 23:59:59.25 UTC), "1969-12-31T23:59:59.250000Z"),
        ];

        for (moment, expected) in moments {
            let mut out = Vec::new();
            timestamp(&mut out, moment);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
