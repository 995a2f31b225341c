//! W3C trace context (<https://www.w3.org/TR/trace-context/>): which request a piece of work belongs to.

use std::{fmt, future::Future, str::FromStr};

use tokio::task_local;

task_local! {
    static CURRENT: TraceContext;
}

/// The identity of a trace and of one span in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// A `traceparent` that does not follow the W3C grammar; it is ignored and a new trace begins, as the standard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("traceparent is not version-traceid-spanid-flags in lower-case hexadecimal")]
pub struct TraceparentError;

impl TraceContext {
    /// A new, sampled trace with random ids.
    pub fn new_root() -> Self {
        Self { trace_id: fastrand::u128(1..), span_id: fastrand::u64(1..), flags: 1 }
    }

    /// A new span in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: fastrand::u64(1..), ..self }
    }

    /// The context of the work that is being done, if it has one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|trace| *trace).ok()
    }

    /// Runs `work` under this context.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Runs a synchronous `work` under this context.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// The trace id as 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> String {
        hex(&self.trace_id.to_be_bytes())
    }

    /// The span id as 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> String {
        hex(&self.span_id.to_be_bytes())
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.span_id(), self.flags)
    }
}

/// Lower-case hexadecimal. Every record and every answer has it, and the formatter of the standard library takes its time
/// over 128 bits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

impl FromStr for TraceContext {
    type Err = TraceparentError;

    fn from_str(text: &str) -> Result<Self, TraceparentError> {
        let lower_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let mut parts = text.split('-');
        let mut next =
            |length: usize| parts.next().filter(|part| part.len() == length && lower_hex(part)).ok_or(TraceparentError);
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        // A later version may append parts; version ff is invalid (section 3.2.2.1).
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return Err(TraceparentError);
        }
        let parsed = Self {
            trace_id: u128::from_str_radix(trace, 16).map_err(|_| TraceparentError)?,
            span_id: u64::from_str_radix(span, 16).map_err(|_| TraceparentError)?,
            flags: u8::from_str_radix(flags, 16).map_err(|_| TraceparentError)?,
        };
        if parsed.trace_id == 0 || parsed.span_id == 0 { Err(TraceparentError) } else { Ok(parsed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_reads_back_as_it_was_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

        let trace: TraceContext = text.parse().unwrap();

        assert_eq!(trace.to_string(), text);
        assert_eq!(trace.child().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn a_traceparent_off_the_grammar_is_refused() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(TraceparentError), "{text}");
        }
    }
}
