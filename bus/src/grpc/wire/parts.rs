//! The small values that many messages hold.

use portico_kernel::{Event, FieldError, Invalid};
use prost_types::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Form;

/// Reads the id in a field.
pub(super) fn id<T: From<Uuid>>(text: &str, field: &'static str) -> Result<T, FieldError> {
    Uuid::try_parse(text).map(T::from).map_err(|_| Invalid::new("malformed", "must be a UUID").of(field))
}

/// Reads a value that must be there.
pub(super) fn required<T: Form>(wire: Option<T::Wire>, field: &'static str) -> Result<T, FieldError> {
    wire.ok_or_else(|| Invalid::new("required", "must be there").of(field)).and_then(T::read)
}

/// Reads a text by the rules of its type. It is wiped afterwards, since it may be a secret.
pub(super) fn parsed<T, E: Into<Invalid>>(
    text: String,
    parse: impl FnOnce(&str) -> Result<T, E>,
    field: &'static str,
) -> Result<T, FieldError> {
    let text = Zeroizing::new(text);
    parse(&text).map_err(|broken| broken.into().of(field))
}

/// Writes an event, as it travels everywhere.
pub(super) fn write_event(event: &Event) -> Vec<u8> {
    // What RFC 3339 cannot write is refused by whoever reads.
    serde_json::to_vec(event).unwrap_or_default()
}

/// Reads an event.
pub(super) fn read_event(json: &[u8]) -> Result<Event, FieldError> {
    let malformed = |_| Invalid::new("malformed", "must be a CloudEvent in the JSON format").of("event");
    serde_json::from_slice(json).map_err(malformed)
}

pub(super) fn write_time(time: OffsetDateTime) -> Timestamp {
    let nanos = i32::try_from(time.nanosecond()).expect("a second has 10^9 nanoseconds");
    Timestamp { seconds: time.unix_timestamp(), nanos }
}

pub(super) fn read_time(timestamp: Option<Timestamp>, field: &'static str) -> Result<OffsetDateTime, FieldError> {
    let read = |timestamp: Timestamp| {
        let nanos = u32::try_from(timestamp.nanos).ok()?;
        OffsetDateTime::from_unix_timestamp(timestamp.seconds).ok()?.replace_nanosecond(nanos).ok()
    };
    timestamp.and_then(read).ok_or_else(|| Invalid::new("malformed", "must be a time").of(field))
}
