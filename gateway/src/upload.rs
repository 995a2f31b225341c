//! A picture on its way in: as the raw body, or as the field `file` of a form.
//!
//! Invariant: a picture is never whole in memory, and the photo domain learns that it is whole only after the request was
//! read to its last byte and found well-formed. Whatever else happens (a slow or malformed body, a client that hangs up, a
//! deadline), the domain is told that the upload was broken off, so that it keeps nothing.
//!
//! `Expect: 100-continue` is answered by the HTTP library before the request comes here. An answer that comes before the
//! body's end closes the connection, after what the client still sends was read and thrown away for a while: else its
//! kernel would discard the answer.

mod form;
#[cfg(test)]
mod fuzz;
mod incoming;

use std::pin::pin;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use futures_util::{StreamExt as _, future::LocalBoxFuture};
use portico_photo::{Error, HungUp, Tap};
use schemars::json_schema;

use self::{form::Form, incoming::Incoming};
use crate::{
    Input, Problem,
    extract::payload_problem,
    limits::{self, UploadPlace},
    openapi::Description,
    problem::Code,
    settings::Settings,
};

/// What a form may hold besides its file: boundaries, headers, preamble and epilogue.
const FORM_OVERHEAD_BYTES: u64 = 64 * 1024;

/// The request's body, to be read as a picture.
pub(crate) struct Upload {
    body: Body,
    max_bytes: u64,
    _place: UploadPlace,
}

enum Body {
    Raw(Incoming),
    Form(Form),
}

impl Upload {
    /// Feeds the picture into `tap` while `answer` is awaited; ends as soon as either fails.
    ///
    /// # Errors
    /// The domain's, or what is wrong with the body.
    pub(crate) async fn feed<T>(self, tap: Tap, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Problem> {
        let mut answer = pin!(answer);
        tokio::select! {
            biased;
            early = &mut answer => return Ok(early?),
            fed = self.pour(tap) => match fed {
                Ok(()) | Err(Broken::HungUp(HungUp)) => {} // the answer says why
                Err(Broken::Body(problem)) => return Err(problem),
            },
        }
        Ok(answer.await?)
    }

    async fn pour(self, tap: Tap) -> Result<(), Broken> {
        let mut poured = Poured { tap, left: self.max_bytes, max_bytes: self.max_bytes };
        match self.body {
            Body::Raw(mut body) => {
                while let Some(chunk) = body.next().await {
                    poured.add(chunk.map_err(|error| payload_problem(&error))?).await?;
                }
            }
            Body::Form(form) => form.pour(&mut poured).await?,
        }
        poured.tap.finish();
        Ok(())
    }
}

/// What was poured into the tap so far.
struct Poured {
    tap: Tap,
    left: u64,
    max_bytes: u64,
}

impl Poured {
    async fn add(&mut self, chunk: bytes::Bytes) -> Result<(), Broken> {
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or_else(|| too_large(self.max_bytes))?;
        Ok(self.tap.send(chunk).await?)
    }
}

/// Why no more is poured.
enum Broken {
    Body(Problem),
    HungUp(HungUp),
}

impl From<Problem> for Broken {
    fn from(problem: Problem) -> Self {
        Self::Body(problem)
    }
}

impl From<HungUp> for Broken {
    fn from(hung_up: HungUp) -> Self {
        Self::HungUp(hung_up)
    }
}

impl FromRequest for Upload {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { open(&request, payload) })
    }
}

/// Looks at the head only: a body that cannot be taken is refused before it is read.
fn open(request: &HttpRequest, payload: Payload) -> Result<Upload, Problem> {
    let is_form = is_form(request)?;
    let max_bytes = Settings::of(request).upload_max_bytes;
    let body_max_bytes = max_bytes + if is_form { FORM_OVERHEAD_BYTES } else { 0 };
    if announced(request).is_some_and(|length| length > body_max_bytes) {
        return Err(too_large(max_bytes));
    }
    let incoming = Incoming::new(payload, body_max_bytes);
    let body = if is_form { Body::Form(Form::new(request.headers(), incoming)) } else { Body::Raw(incoming) };
    Ok(Upload { body, max_bytes, _place: limits::admit_upload(request)? })
}

fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether the picture comes in a form. Which picture type it is, the content alone tells.
fn is_form(request: &HttpRequest) -> Result<bool, Problem> {
    let unsupported = || {
        let text =
            "body must be a picture (image/* or application/octet-stream) or multipart/form-data, and not encoded";
        Problem::new(Code::UnsupportedMediaType).detail(text)
    };
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported());
    }
    let mut types = request.headers().get_all(header::CONTENT_TYPE);
    let (Some(only), None) = (types.next(), types.next()) else { return Err(unsupported()) };
    let essence = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "multipart/form-data" => Ok(true),
        "application/octet-stream" => Ok(false),
        picture if picture.starts_with("image/") => Ok(false),
        _ => Err(unsupported()),
    }
}

fn too_large(max_bytes: u64) -> Problem {
    Problem::from(Error::TooLarge { max_bytes })
}

impl Input for Upload {
    const STREAMS: bool = true;

    fn describe(operation: &mut Description<'_>) {
        let binary = json_schema!({ "type": "string", "format": "binary" });
        operation.body(
            "multipart/form-data",
            json_schema!({
                "type": "object",
                "properties": { "file": binary },
                "required": ["file"],
                "additionalProperties": false,
            }),
        );
        for media_type in ["image/*", "application/octet-stream"] {
            operation.body(media_type, binary.clone());
        }
        operation.problems(&[
            Code::MalformedRequest,
            Code::UploadAborted,
            Code::RequestTimeout,
            Code::TooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidField,
        ]);
    }
}
