//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use portico_kernel::IdempotencyKey;

use crate::{Input, Problem, openapi::Description, problem::Code};

const HEADER: &str = "Idempotency-Key";

/// The key that the client gave the request, if it did.
#[derive(Debug, Clone)]
pub struct Key(pub Option<IdempotencyKey>);

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request).map(Self))
    }
}

fn read(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = request.headers().get_all(HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    let malformed = || Problem::new(Code::MalformedRequest).detail(format!("{HEADER} is malformed"));
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?;
    IdempotencyKey::parse(text).map(Some).map_err(|broken| malformed().errors([broken.of(HEADER)]))
}

impl Input for Key {
    fn describe(operation: &mut Description<'_>) {
        let text = "A key of the client's choice, 1 to 128 visible ASCII characters, kept for 24 hours: repeated under the \
                    same key, the request has no second effect.";
        operation.header::<String>(HEADER, text);
        operation.problems(&[Code::MalformedRequest, Code::IdempotencyKeyInProgress, Code::IdempotencyKeyReused]);
    }
}
