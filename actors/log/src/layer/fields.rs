//! The fields of an event or a span, as JSON.
//!
//! Invariant: never more than [`ATTRIBUTES_BYTES_MAX`] of attributes and [`TEXT_BYTES_MAX`] of one text; what is cut says
//! so. A name stands once; values under a secret name are never formatted.

use std::{error::Error, fmt};

use tracing::field::{Field, Visit};

use crate::{
    line::json,
    secret::{REDACTED, is_secret},
};

/// The longest text that is written whole, in bytes before it is encoded.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// The most bytes of attributes in one record, encoded.
const ATTRIBUTES_BYTES_MAX: usize = 32 * 1024;
/// What a text ends with that was cut.
const CUT: &str = "...[truncated]";
/// The attribute of a record that lost some of its attributes.
const DROPPED: &[u8] = b",\"log.attributes_dropped\":true";

/// The fields of an event or a span.
#[derive(Default)]
pub(super) struct Fields {
    body: Vec<u8>,
    /// `,"name":value` for each attribute.
    attributes: Vec<u8>,
    /// Each attribute's name, and where it ends.
    ends: Vec<(&'static str, usize)>,
    dropped: bool,
    trace_id: Option<Box<str>>,
    span_id: Option<Box<str>>,
    text: String,
}

impl Fields {
    /// No fields, with room for those that a span usually has.
    pub(super) fn with_room() -> Self {
        Self { attributes: Vec::with_capacity(256), ends: Vec::with_capacity(8), ..Self::default() }
    }

    /// What happened, as a JSON string; empty when the event has no message.
    pub(super) fn body_json(&self) -> &[u8] {
        &self.body
    }

    /// Says so if attributes were dropped. Nothing may be added from here on.
    pub(super) fn close(&mut self) {
        if self.dropped {
            self.attributes.extend_from_slice(DROPPED);
        }
    }

    /// The members of a JSON object.
    pub(super) fn attributes_json(&self) -> &[u8] {
        self.attributes.get(1..).unwrap_or_default()
    }

    /// Trace and span, if fields name them.
    pub(super) fn trace(&self) -> Option<(&str, &str)> {
        Some((self.trace_id.as_deref()?, self.span_id.as_deref().unwrap_or_default()))
    }

    /// Adds those of `outer` that are not named here.
    pub(super) fn inherit(&mut self, outer: &Self) {
        let mut start = 0;
        for &(name, end) in &outer.ends {
            if !self.has(name) {
                self.attributes.extend_from_slice(&outer.attributes[start..end]);
                self.keep(name);
            }
            start = end;
        }
        self.dropped |= outer.dropped;
        self.trace_id = self.trace_id.take().or_else(|| outer.trace_id.clone());
        self.span_id = self.span_id.take().or_else(|| outer.span_id.clone());
    }

    /// Forgets everything but the memory it lies in.
    pub(super) fn clear(&mut self) {
        let Self { body, attributes, ends, dropped, trace_id, span_id, text } = self;
        (*dropped, *trace_id, *span_id) = (false, None, None);
        body.clear();
        attributes.clear();
        ends.clear();
        text.clear();
    }

    fn has(&self, name: &str) -> bool {
        self.ends.iter().any(|(known, _)| *known == name)
    }

    /// Counts what was just written as the attribute `name`, or takes it back when it is too much.
    fn keep(&mut self, name: &'static str) {
        if self.attributes.len() <= ATTRIBUTES_BYTES_MAX {
            self.ends.push((name, self.attributes.len()));
        } else {
            self.attributes.truncate(self.ends.last().map_or(0, |(_, end)| *end));
            self.dropped = true;
        }
    }

    fn add(&mut self, name: &'static str, value: impl serde::Serialize) {
        if self.has(name) {
            return;
        }
        self.attributes.push(b',');
        json(&mut self.attributes, name);
        self.attributes.push(b':');
        if is_secret(name) {
            json(&mut self.attributes, REDACTED);
        } else {
            json(&mut self.attributes, value);
        }
        self.keep(name);
    }

    fn add_text(&mut self, name: &'static str, text: fmt::Arguments<'_>) {
        if is_secret(name) {
            return self.add(name, REDACTED);
        }
        let mut whole = std::mem::take(&mut self.text);
        whole.clear();
        if fmt::write(&mut Bounded(&mut whole), text).is_err() {
            whole.push_str(CUT);
        }
        self.add_whole(name, &whole);
        self.text = whole;
    }

    /// Adds a text that is not too long.
    fn add_whole(&mut self, name: &'static str, text: &str) {
        match name {
            "message" => {
                self.body.clear();
                json(&mut self.body, text);
            }
            "trace_id" if is_hex(text, 32) => self.trace_id = Some(text.into()),
            "span_id" if is_hex(text, 16) => self.span_id = Some(text.into()),
            _ => self.add(name, text),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add_text(field.name(), format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if value.len() <= TEXT_BYTES_MAX {
            self.add_whole(field.name(), value);
        } else {
            self.add_text(field.name(), format_args!("{value}"));
        }
    }

    /// The error and its causes, outermost first.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add_text(field.name(), format_args!("{}", Chain(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value);
    }

    // JSON numbers beyond 64 bits are read back by few: as texts.
    fn record_i128(&mut self, field: &Field, value: i128) {
        self.add_text(field.name(), format_args!("{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.add_text(field.name(), format_args!("{value}"));
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Takes [`TEXT_BYTES_MAX`] and then fails, which ends the formatting.
struct Bounded<'a>(&'a mut String);

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT_BYTES_MAX - self.0.len();
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        if text.len() <= room { Ok(()) } else { Err(fmt::Error) }
    }
}

/// An error with its causes: `store failed: disk is full`.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
