//! Reads a body that is small enough to be held in memory.

use std::io::ErrorKind;

use actix_web::{HttpRequest, dev::Payload, error::PayloadError, http::header};
use futures_util::StreamExt as _;
use zeroize::Zeroizing;

use crate::{Problem, limits, problem::Code};

/// Nobody's credentials or profile are larger. What is counts among [`limits::admit_large_body`].
const SMALL: usize = 4 * 1024;

/// Reads the whole body, at most `max_bytes`; what was read is wiped when it is dropped.
///
/// # Errors
/// The client's: too large, too slow, broken off. The server's: too many large bodies are being read.
pub(super) async fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
    max_bytes: usize,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > max_bytes as u64) {
        return Err(too_large(max_bytes));
    }
    let room = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(max_bytes);
    let _place = if room > SMALL { Some(limits::admit_large_body(request)?) } else { None };
    let mut body = Zeroizing::new(Vec::with_capacity(room)); // all at once: growing would leave copies behind
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| payload_problem(&error))?;
        if body.len() + chunk.len() > max_bytes {
            return Err(too_large(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a failing body means.
pub(crate) fn payload_problem(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Io(error) if error.kind() == ErrorKind::TimedOut => Problem::new(Code::RequestTimeout),
        PayloadError::Overflow => Problem::new(Code::TooLarge),
        PayloadError::EncodingCorrupted | PayloadError::UnknownLength => Problem::new(Code::MalformedRequest),
        _ => Problem::new(Code::UploadAborted),
    }
}

fn too_large(max_bytes: usize) -> Problem {
    Problem::new(Code::TooLarge).detail(format!("body is larger than {max_bytes} bytes"))
}
