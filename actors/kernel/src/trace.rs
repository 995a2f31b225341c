//! W3C trace context (<https://www.w3.org/TR/trace-context/>): which request a piece of work belongs to.

mod span;

use std::{fmt, future::Future, ops::Deref, str::FromStr};

use tokio::task_local;

pub use self::span::{EndedSpan, Span, SpanCollector, SpanEnd, SpanKind, SpanValue, collect_spans};

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

/// The flag of a trace whose spans are to be kept (section 3.2.2.5.1).
const SAMPLED: u8 = 1;

/// A `traceparent` that does not follow the W3C grammar; it is ignored and a new trace begins, as the standard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("traceparent is not version-traceid-spanid-flags in lower-case hexadecimal")]
pub struct TraceparentError;

impl TraceContext {
    /// A new trace with random ids, sampled unless [`collect_spans`] was told to leave it out.
    pub fn new_root() -> Self {
        let trace_id = fastrand::u128(1..);
        Self { trace_id, span_id: fastrand::u64(1..), flags: u8::from(span::is_sampled(trace_id)) * SAMPLED }
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
    pub fn trace_id(&self) -> Hex<32> {
        Hex::of(&self.trace_id.to_be_bytes())
    }

    /// The span id as 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> Hex<16> {
        Hex::of(&self.span_id.to_be_bytes())
    }

    /// The ids as numbers: the trace's and the span's.
    pub fn ids(&self) -> (u128, u64) {
        (self.trace_id, self.span_id)
    }

    /// Whether spans of the trace are to be kept.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The header's value.
    pub fn traceparent(&self) -> Traceparent {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&self.trace_id().0);
        text[36..52].copy_from_slice(&self.span_id().0);
        text[53..].copy_from_slice(&Hex::<2>::of(&[self.flags]).0);
        Traceparent(text)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

/// The value of a `traceparent` header, without memory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent([u8; 55]);

impl Deref for Traceparent {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits and dashes are ASCII")
    }
}

/// An id as `DIGITS` lower-case hexadecimal digits. Every record and every answer has some: they need no memory of their
/// own, and the formatter of the standard library takes its time over 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex<const DIGITS: usize>([u8; DIGITS]);

impl<const DIGITS: usize> Hex<DIGITS> {
    fn of(bytes: &[u8]) -> Self {
        let mut digits = [b'0'; DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                *digit = b"0123456789abcdef"[usize::from(value)];
            }
        }
        Self(digits)
    }
}

impl<const DIGITS: usize> Deref for Hex<DIGITS> {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

impl<const DIGITS: usize> fmt::Display for Hex<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
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
        assert_eq!(&*trace.child().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
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
