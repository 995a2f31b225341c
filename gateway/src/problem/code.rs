//! The closed list of problems: each with its status, what causes it and how to mend it.
//!
//! Invariant: every code that a client can see stands here; a test holds the domains' codes against it.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:literal, $title:literal, $cause:literal, $mend:literal;)*) => {
        /// A problem's stable name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $cause] $variant,)*
        }

        impl Code {
            /// Every code, by status.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name as it is written: `email_taken`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The problem in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What causes it, in a sentence.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$variant => $cause,)* }
            }

            /// What to do about it, in a sentence or two.
            pub const fn mend(self) -> &'static str {
                match self { $(Self::$variant => $mend,)* }
            }

            const fn status_number(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", 400, "Malformed JSON",
        "The body is not a well-formed JSON object in UTF-8, or names a key twice.",
        "Send one JSON object (RFC 8259) with each key once.";
    MalformedRequest = "malformed_request", 400, "Malformed request",
        "A header or the body's framing breaks its grammar.",
        "Correct the header that the detail names.";
    AmbiguousCredentials = "ambiguous_credentials", 400, "Two sets of credentials",
        "The request carries a session cookie and an Authorization header, or several of one of them.",
        "Send one of them: browsers the cookie, other clients the bearer token.";
    UploadAborted = "upload_aborted", 400, "Upload broken off",
        "The body ended before it was whole.",
        "Send the upload again.";
    BadEvent = "bad_event", 400, "Event not understood",
        "An event between domains could not be understood; no REST request causes this.",
        "Report it with the trace id.";
    SessionMissing = "session_missing", 401, "Not signed in",
        "The request carries no session.",
        "Sign in at POST /auth and send the cookie or the bearer token along.";
    SessionDead = "session_dead", 401, "Session ended",
        "The session expired, was revoked, or never existed.",
        "Sign in again.";
    BadCredentials = "bad_credentials", 401, "Wrong e-mail address or password",
        "No account has this combination of e-mail address and password.",
        "Check both; which of them is wrong is not told.";
    WrongPassword = "wrong_password", 401, "Wrong password",
        "The current password that this change needs is wrong.",
        "Send the account's current password.";
    CredentialsChanged = "credentials_changed", 401, "Credentials changed meanwhile",
        "Password or e-mail address changed while this sign-in was being made.",
        "Sign in with the new credentials.";
    CrossSite = "cross_site", 403, "Cross-site request",
        "A browser sent this request on behalf of another site.",
        "Call from the configured origin, or add the site to gateway.cors.allowed_origins.";
    NotFound = "not_found", 404, "No such path",
        "Nothing is served at this path.",
        "Look the path up at /docs.";
    UserUnknown = "user_unknown", 404, "No such user",
        "There is no user of this id.",
        "Check the id; the account may have been deleted.";
    SessionUnknown = "session_unknown", 404, "No such session",
        "The signed-in user has no session of this id.",
        "List the sessions at GET /me/sessions.";
    PhotoUnknown = "photo_unknown", 404, "No such photo",
        "The user has no photo of this id.",
        "List the photos; it may have been deleted.";
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed",
        "The path exists, but not with this method.",
        "Use a method that the Allow header names.";
    NotAcceptable = "not_acceptable", 406, "Not acceptable",
        "The Accept header excludes every type that the answer could have.",
        "Accept application/json, or the picture's type where content is asked for.";
    RequestTimeout = "request_timeout", 408, "Request too slow",
        "The request's head or body paused for too long or came too slowly.",
        "Send it again over a better connection.";
    EmailTaken = "email_taken", 409, "E-mail address taken",
        "Another account has this e-mail address.",
        "Sign in instead, or use another address.";
    Conflict = "conflict", 409, "Changed meanwhile",
        "Another request changed the same account at the same time.",
        "Read the account again and repeat the change.";
    IdempotencyKeyInProgress = "idempotency_key_in_progress", 409, "Still in progress",
        "A request under the same Idempotency-Key has not finished.",
        "Repeat the request after the time that Retry-After tells.";
    PhotoQuotaReached = "photo_quota_reached", 409, "Photo quota reached",
        "The account holds as many photos as allowed.",
        "Delete photos first.";
    PreconditionFailed = "precondition_failed", 412, "Precondition failed",
        "The resource does not match the request's If-Match.",
        "Read the resource again and use its current ETag.";
    TooLarge = "too_large", 413, "Body too large",
        "The body is larger than allowed.",
        "Send less; the detail tells the limit.";
    UnsupportedMediaType = "unsupported_media_type", 415, "Unsupported media type",
        "The body's type is not accepted: JSON where JSON is asked for, else JPEG, PNG, WebP or GIF by its content.",
        "Send the type that /docs tells for this path.";
    RangeNotSatisfiable = "range_not_satisfiable", 416, "Range not satisfiable",
        "The Range lies outside of the content.",
        "Ask for a range inside of the size that Content-Range tells.";
    InvalidField = "invalid_field", 422, "Invalid field",
        "A field breaks a rule.",
        "Correct the fields that `errors` names.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "Idempotency key reused",
        "The Idempotency-Key was used for another request.",
        "Use a new key for a new request.";
    RateLimited = "rate_limited", 429, "Too many requests",
        "A rate limit is reached.",
        "Wait for the time that Retry-After tells; RateLimit tells what is left.";
    HeaderTooLarge = "header_too_large", 431, "Request head too large",
        "Request line and headers together are larger than allowed.",
        "Send fewer or shorter headers and cookies, or a shorter path.";
    Internal = "internal", 500, "Internal error",
        "The server failed through a fault of its own; whether the request took effect is unknown.",
        "Report it with the trace id.";
    Overloaded = "overloaded", 503, "Overloaded",
        "The server has as much work as it can do; the request did not run.",
        "Repeat it after the time that Retry-After tells.";
    Unavailable = "unavailable", 503, "Unavailable",
        "A part of the server is away or shutting down; the request did not run.",
        "Repeat it after the time that Retry-After tells.";
    DeadlineExceeded = "deadline_exceeded", 504, "Deadline exceeded",
        "The answer was not ready in time; whether the request took effect is unknown.",
        "Look whether it took effect before repeating it, or repeat it under the same Idempotency-Key.";
    StorageFull = "storage_full", 507, "Storage full",
        "The server has no space left.",
        "Try again later; the operator is told.";
}

impl Code {
    /// The code of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The status that it is answered with.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_number()).expect("the list holds valid statuses")
    }

    /// Whether its answer tells when to try again.
    pub(crate) const fn asks_for_patience(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded | Self::Unavailable | Self::IdempotencyKeyInProgress)
    }

    /// What every 401 must say (RFC 9110, section 11.6.1; RFC 6750, section 3).
    pub(super) const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::SessionDead => Some(r#"Bearer realm="portico", error="invalid_token""#),
            _ if self.status_number() == 401 => Some(r#"Bearer realm="portico""#),
            _ => None,
        }
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "ProblemCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Self::ALL.iter().map(|code| code.name()).collect();
        json_schema!({ "type": "string", "enum": names, "description": "A problem's stable name." })
    }
}
