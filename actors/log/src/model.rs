//! What a record is: one line, and the names that decide where it goes and whether it was seen before.
//!
//! Invariant: a [`Record`]'s line is one whole JSON object that ends with the only line feed in it, and its service is a
//! safe file name.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// The longest line of a record, in bytes. The layer stays below it by cutting texts; longer ones of others are refused.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;

/// One log record.
///
/// It is known by instance, boot and sequence; the sequences of one boot ascend by one, in the order of its queue.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The domain or role that speaks; it has files of its own.
    pub service: Service,
    /// When it happened.
    pub time: OffsetDateTime,
    /// The node that speaks.
    pub instance: Arc<str>,
    /// The run of that node.
    pub boot: Uuid,
    /// The place among the records of that run.
    pub sequence: u64,
    line: Box<[u8]>,
}

impl Record {
    /// A record whose line is known to be whole.
    pub(crate) fn new(service: Service, time: OffsetDateTime, origin: &Origin, sequence: u64, line: Vec<u8>) -> Self {
        let instance = Arc::clone(&origin.instance);
        Self { service, time, instance, boot: origin.boot, sequence, line: line.into_boxed_slice() }
    }

    /// Reads a record of another node from its line, with or without the line feed at its end.
    ///
    /// # Errors
    /// The sender's: the line is no record.
    pub fn parse(line: &[u8]) -> Result<Self, BadRecord> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if text.len() >= RECORD_BYTES_MAX {
            return Err(BadRecord::TooLong);
        }
        if text.contains(&b'\n') {
            return Err(BadRecord::ManyLines);
        }
        let head = Head::parse(text).map_err(BadRecord::Malformed)?;
        let service = Service::parse(&head.resource.service)?;
        let instance = Arc::from(&*head.resource.instance);
        let (time, boot, sequence) = (head.time, head.boot, head.sequence);
        Ok(Self { service, time, instance, boot, sequence, line: [text, b"\n"].concat().into_boxed_slice() })
    }

    /// The record as it stands in a file: a JSON object and a line feed.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} {} {} {})", self.service, self.instance, self.boot, self.sequence)
    }
}

/// Why a line is no record.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// It is longer than [`RECORD_BYTES_MAX`].
    #[error("record is too long")]
    TooLong,
    /// It holds a line feed.
    #[error("record is more than one line")]
    ManyLines,
    /// It is not JSON, or lacks what a record must have.
    #[error("record is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Its service is not 1 to 32 of `a-z`, `0-9` and `_`.
    #[error("record names no valid service")]
    BadService,
}

/// What sorting, filtering and deduplicating need to know of a line; the rest of it is left unread.
#[derive(Debug, Deserialize)]
pub struct Head<'a> {
    /// When it happened.
    #[serde(rename = "Timestamp", with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// `SeverityNumber` of the OpenTelemetry log data model, 1 to 24.
    #[serde(rename = "SeverityNumber")]
    pub severity: u8,
    /// The trace it belongs to, 32 hexadecimal digits.
    #[serde(rename = "TraceId", borrow, default)]
    pub trace_id: Option<Cow<'a, str>>,
    /// Who speaks.
    #[serde(rename = "Resource", borrow)]
    pub resource: Resource<'a>,
    /// The run of that node.
    pub boot: Uuid,
    /// The place among the records of that run.
    pub sequence: u64,
}

impl<'a> Head<'a> {
    /// Reads the head of a line.
    ///
    /// # Errors
    /// The line is not whole JSON, or is not a record.
    pub fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}

/// Who speaks, in OpenTelemetry's resource attributes.
#[derive(Debug, Deserialize)]
pub struct Resource<'a> {
    /// The domain or role.
    #[serde(rename = "service.name", borrow)]
    pub service: Cow<'a, str>,
    /// The node.
    #[serde(rename = "service.instance.id", borrow)]
    pub instance: Cow<'a, str>,
}

/// The node that speaks, and its present run.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The node's name, the same in each of its runs (`service.instance.id`).
    pub instance: Arc<str>,
    /// What it runs (`service.version`).
    pub version: Cow<'static, str>,
    /// The present run.
    pub boot: Uuid,
}

impl Origin {
    /// A new run of `instance`.
    pub fn new(instance: impl Into<Arc<str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self { instance: instance.into(), version: version.into(), boot: Uuid::now_v7() }
    }
}

/// A domain or role: `user`, `gateway`, `node`. Safe as part of a file name: 1 to 32 of `a-z`, `0-9` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(Cow<'static, str>);

impl Service {
    /// Records of this domain itself.
    pub const LOG: Self = Self(Cow::Borrowed("log"));
    /// Records of no domain: the process, and the libraries in it.
    pub const NODE: Self = Self(Cow::Borrowed("node"));

    /// The service whose code logged under `target`: `portico_user::actor` is `user`; what is not ours is `node`.
    pub fn of_target(target: &'static str) -> Self {
        let of_crate = target.split("::").next().unwrap_or(target);
        let ours = of_crate.strip_prefix("portico_").filter(|name| is_service(name));
        ours.map_or(Self::NODE, |name| Self(Cow::Borrowed(name)))
    }

    /// A service by its name.
    ///
    /// # Errors
    /// The name breaks the rule above.
    pub fn parse(name: &str) -> Result<Self, BadRecord> {
        if is_service(name) { Ok(Self(Cow::Owned(name.to_owned()))) } else { Err(BadRecord::BadService) }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_service(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// How bad it is. The numbers are the first of each range in the OpenTelemetry log data model, "Field: `SeverityNumber`".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Finer than debugging needs as a rule.
    Trace = 1,
    /// For whoever debugs.
    Debug = 5,
    /// Something happened as it should.
    Info = 9,
    /// Something that should not happen often.
    Warn = 13,
    /// Something failed.
    Error = 17,
}

impl Severity {
    /// `SeverityNumber`.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// `SeverityText`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl From<tracing::Level> for Severity {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::TRACE => Self::Trace,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::INFO => Self::Info,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::ERROR => Self::Error,
        }
    }
}

/// A word that names no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be trace, debug, info, warn or error")]
pub struct BadSeverity;

impl FromStr for Severity {
    type Err = BadSeverity;

    fn from_str(word: &str) -> Result<Self, BadSeverity> {
        let all = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];
        all.into_iter().find(|severity| severity.text().eq_ignore_ascii_case(word)).ok_or(BadSeverity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_the_number_that_opentelemetry_gives_it() {
        let words = ["trace", "DEBUG", "info", "Warn", "error"];

        let numbers = words.map(|word| word.parse::<Severity>().unwrap().number());

        assert_eq!(numbers, [1, 5, 9, 13, 17]);
        assert_eq!("loud".parse::<Severity>(), Err(BadSeverity));
    }

    #[test]
    fn a_service_is_the_crate_that_speaks() {
        let targets =
            ["portico_user::actor", "portico_gateway", "portico", "sqlx::query", "portico_::x", "portico_A::x"];

        let services = targets.map(|target| Service::of_target(target).to_string());

        assert_eq!(services, ["user", "gateway", "node", "node", "node", "node"]);
    }

    #[test]
    fn a_service_that_is_no_safe_file_name_is_refused() {
        for name in ["", "../etc", "a/b", "a-b", "Ann", "ä", &"x".repeat(33)] {
            assert!(matches!(Service::parse(name), Err(BadRecord::BadService)), "{name}");
        }
    }

    #[test]
    fn a_line_that_is_no_record_is_refused() {
        for line in ["", "{}", "null", "{\"Timestamp\":", "{\"a\":\n1}"] {
            assert!(Record::parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(matches!(Record::parse(&vec![b' '; RECORD_BYTES_MAX]), Err(BadRecord::TooLong)));
    }
}
