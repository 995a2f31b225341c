//! Records for people: one line of text each.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Entry;

/// `2026-01-01T12:00:00.000000Z INFO user signed in user.id=… trace=…`.
///
/// Control characters are escaped, so that no record can write to a terminal what it likes.
pub struct Human<'a>(pub &'a Entry);

#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "Timestamp")]
    time: String,
    #[serde(rename = "SeverityText")]
    severity: String,
    #[serde(rename = "Body", default)]
    body: Value,
    #[serde(rename = "Attributes", default)]
    attributes: Map<String, Value>,
    #[serde(rename = "TraceId")]
    trace_id: Option<String>,
    #[serde(rename = "Resource")]
    resource: Map<String, Value>,
}

impl fmt::Display for Human<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(shape) = serde_json::from_slice::<Shape>(&self.0.line) else {
            return escaped(f, &String::from_utf8_lossy(&self.0.line));
        };
        let service = shape.resource.get("service.name").and_then(Value::as_str).unwrap_or("?");
        escaped(f, &format!("{} {:5} {service:8} ", shape.time, shape.severity))?;
        escaped(f, &text(&shape.body))?;
        for (name, value) in &shape.attributes {
            escaped(f, &format!(" {name}={}", text(value)))?;
        }
        shape.trace_id.map_or(Ok(()), |trace_id| escaped(f, &format!(" trace={trace_id}")))
    }
}

/// A value without the quotes of a text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|letter| {
        if letter.is_control() { write!(f, "{}", letter.escape_default()) } else { write!(f, "{letter}") }
    })
}
