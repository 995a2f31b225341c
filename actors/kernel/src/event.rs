//! Domain events in the shape of CloudEvents 1.0 (JSON format).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::TraceContext;

/// Something that happened and was committed. Written in the same transaction as the change it tells of (outbox).
///
/// Invariant: `id` is unique; consumers apply an event once, however often it is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique per event: what an inbox deduplicates by.
    pub id: Uuid,
    /// The domain that speaks: `/portico/user`.
    pub source: String,
    /// What happened: `user.registered`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it happened to: the user's id.
    pub subject: String,
    /// When it was decided.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The event's own content; domains parse it into their types.
    pub data: serde_json::Value,
    /// W3C trace context of the request that caused it (CloudEvents distributed tracing extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Event {
    /// A new event of the current trace.
    pub fn new(
        source: impl Into<String>,
        kind: impl Into<String>,
        subject: impl Into<String>,
        time: OffsetDateTime,
        data: serde_json::Value,
    ) -> Self {
        Self {
            specversion: "1.0".into(),
            id: Uuid::now_v7(),
            source: source.into(),
            kind: kind.into(),
            subject: subject.into(),
            time,
            datacontenttype: "application/json".into(),
            data,
            traceparent: TraceContext::current().map(|trace| trace.to_string()),
        }
    }
}
