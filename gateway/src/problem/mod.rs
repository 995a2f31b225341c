//! Errors as clients see them: problem documents (RFC 9457).
//!
//! Invariant: one `impl From<E: Blame>` turns a domain's fault into a status. A server's fault is logged there, once, with
//! its source chain, and tells the client its code and the trace id only.

mod code;

use std::{borrow::Cow, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use portico_kernel::{Blame, Client, Fault, FieldError, Server, TraceContext};
use serde::Serialize;

pub use code::Code;

/// The media type of a problem (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An answer that says what went wrong, whose fault it is and how to mend it.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    status: StatusCode,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the gateway's own, with its code's status.
    pub fn new(code: Code) -> Self {
        Self { code, status: code.status(), detail: None, errors: Vec::new(), headers: Vec::new() }
    }

    /// Explains this occurrence. Never give it a refused value or anything secret.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the fields that broke a rule.
    #[must_use]
    pub fn errors(mut self, errors: impl IntoIterator<Item = FieldError>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says when to try again, in whole seconds, rounded up and at least one (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Which problem it is.
    pub const fn code(&self) -> Code {
        self.code
    }
}

impl<E: Blame> From<E> for Problem {
    fn from(error: E) -> Self {
        let fault = error.fault();
        let code = Code::named(error.code()).unwrap_or(Code::Internal);
        let problem = Self { status: status(fault), ..Self::new(code) };
        let (problem, least_wait) = match fault {
            Fault::Client(_) => (problem.detail(innermost(&error)).errors(error.fields()), None),
            Fault::Server(fault) => {
                log(fault, code, &error);
                (problem, matches!(fault, Server::Unavailable | Server::Overloaded).then_some(LEAST_WAIT))
            }
        };
        match error.retry_after().or(least_wait) {
            Some(wait) => problem.retry_after(wait),
            None => problem,
        }
    }
}

/// What every 503 asks for when nothing better is known.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// A domain that asked another hands its error on; what the client did wrong is told by the one that found it.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

/// The only place where a fault becomes a status.
pub(crate) fn status(fault: Fault) -> StatusCode {
    match fault {
        Fault::Client(Client::Malformed) => StatusCode::BAD_REQUEST,
        Fault::Client(Client::Unauthenticated) => StatusCode::UNAUTHORIZED,
        Fault::Client(Client::Forbidden) => StatusCode::FORBIDDEN,
        Fault::Client(Client::Unknown) => StatusCode::NOT_FOUND,
        Fault::Client(Client::Conflict) => StatusCode::CONFLICT,
        Fault::Client(Client::Precondition) => StatusCode::PRECONDITION_FAILED,
        Fault::Client(Client::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        Fault::Client(Client::UnsupportedMedia) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Fault::Client(Client::Range) => StatusCode::RANGE_NOT_SATISFIABLE,
        Fault::Client(Client::Invalid) => StatusCode::UNPROCESSABLE_ENTITY,
        Fault::Client(Client::TooMany) => StatusCode::TOO_MANY_REQUESTS,
        Fault::Server(Server::Broken) => StatusCode::INTERNAL_SERVER_ERROR,
        Fault::Server(Server::Unavailable | Server::Overloaded) => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Server(Server::Late) => StatusCode::GATEWAY_TIMEOUT,
        Fault::Server(Server::Full) => StatusCode::INSUFFICIENT_STORAGE,
    }
}

fn log(fault: Server, code: Code, error: &(dyn std::error::Error + 'static)) {
    match fault {
        Server::Broken => tracing::error!(error.type = code.name(), error, "request failed"),
        Server::Unavailable | Server::Overloaded | Server::Late | Server::Full => {
            tracing::warn!(error.type = code.name(), error, "request failed");
        }
    }
}

/// A problem on the wire.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document<'a> {
    /// A page that tells the problem's cause and mend.
    #[serde(rename = "type")]
    #[schemars(extend("format" = "uri-reference"))]
    kind: String,
    /// The problem in a few words, always the same for a code.
    title: &'static str,
    /// The answer's status.
    status: u16,
    /// This occurrence in a sentence.
    detail: &'a str,
    /// The problem's stable name.
    #[schemars(with = "Code")]
    code: &'static str,
    /// Who is to blame: client or server.
    fault: Side,
    /// What to search the logs for: the W3C trace id.
    trace_id: String,
    /// The fields that broke a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<BrokenField>")]
    errors: Option<&'a [FieldError]>,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Side {
    Client,
    Server,
}

/// A field that broke a rule.
#[derive(schemars::JsonSchema)]
#[schemars(rename = "FieldError")]
#[expect(dead_code, reason = "the schema of the kernel's FieldError, which knows nothing of schemas")]
struct BrokenField {
    /// The field, parameter or header as the client wrote it.
    field: String,
    /// The rule's stable name.
    code: String,
    /// The rule in a sentence.
    detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.code.name())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        answer.content_type(PROBLEM_JSON).insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(challenge) = self.code.challenge() {
            answer.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        for header in &self.headers {
            answer.append_header(header.clone());
        }
        answer.extensions_mut().insert(self.code); // for the request's record
        answer.body(serde_json::to_string(&self.document()).expect("a problem's fields are plain text and numbers"))
    }
}

impl Problem {
    fn document(&self) -> Document<'_> {
        Document {
            kind: format!("/docs/problems/{}", self.code.name()),
            title: self.code.title(),
            status: self.status.as_u16(),
            detail: self.detail.as_deref().unwrap_or(self.code.cause()),
            code: self.code.name(),
            fault: if self.status.is_server_error() { Side::Server } else { Side::Client },
            trace_id: TraceContext::current().map(|trace| trace.trace_id().to_string()).unwrap_or_default(),
            errors: (!self.errors.is_empty()).then_some(&self.errors),
        }
    }
}

/// The problems that a route of its own accord answers, by the names of their [`Code`]s.
#[macro_export]
macro_rules! problems {
    ($($code:ident),* $(,)?) => {
        &[$($crate::problem::Code::$code),*]
    };
}

#[cfg(test)]
mod tests;
