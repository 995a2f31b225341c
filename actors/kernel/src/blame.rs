//! Whose fault an error is, and what may be said about it.
//!
//! Invariant: every error that can leave a domain names its [`Fault`] and a stable code; the gateway turns these, and
//! nothing else, into a status and a problem document (RFC 9457).

use std::{borrow::Cow, time::Duration};

/// An error that knows whose fault it is.
pub trait Blame: std::error::Error + Send + Sync + 'static {
    /// Who is to blame. Write the match without a wildcard arm, so that a new variant must choose.
    fn fault(&self) -> Fault;

    /// The stable, documented, machine-readable code, in `snake_case`: `email_taken`.
    fn code(&self) -> &'static str;

    /// The request's fields that broke a rule; empty unless the fault is [`Client::Invalid`].
    fn fields(&self) -> Vec<FieldError> {
        Vec::new()
    }

    /// How long the caller should wait before it tries again, where that is known.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request cannot succeed as it was made.
    Client(Client),
    /// The request was right; the server could not serve it.
    Server(Server),
}

/// What the client did wrong. The HTTP status that each becomes stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// It could not be parsed: 400.
    Malformed,
    /// No session, a dead session, or a wrong password: 401.
    Unauthenticated,
    /// Refused for where it comes from: 403.
    Forbidden,
    /// It does not exist, or is another user's: 404.
    Unknown,
    /// It contradicts what is stored: 409.
    Conflict,
    /// A precondition of the request does not hold: 412.
    Precondition,
    /// It is larger than allowed: 413.
    TooLarge,
    /// It is of a type that is not accepted: 415.
    UnsupportedMedia,
    /// The range cannot be satisfied: 416.
    Range,
    /// A field breaks a rule: 422.
    Invalid,
    /// Too many requests: 429.
    TooMany,
}

/// Why the server could not serve. The HTTP status that each becomes stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    /// A bug or a panic; the effect may be unknown: 500.
    Broken,
    /// A dependency or an actor is away: 503.
    Unavailable,
    /// A bound was reached, try later: 503.
    Overloaded,
    /// The deadline passed, the effect is unknown: 504.
    Late,
    /// No space is left: 507.
    Full,
}

/// A rule that a value breaks; the field's name is added by whoever knows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// Stable code of the rule: `too_long`.
    pub code: &'static str,
    /// The rule in a sentence; never the refused value itself.
    pub detail: Cow<'static, str>,
}

impl Invalid {
    /// A broken rule under `code`, explained by `detail`.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// Says which field of the request broke the rule.
    pub fn of(self, field: impl Into<Cow<'static, str>>) -> FieldError {
        FieldError { field: field.into(), code: self.code, detail: self.detail }
    }
}

/// A field of a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field's name as the client wrote it.
    pub field: Cow<'static, str>,
    /// Stable code of the rule.
    pub code: &'static str,
    /// The rule in a sentence; never the refused value itself.
    pub detail: Cow<'static, str>,
}
