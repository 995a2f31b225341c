//! What is answered before there is a request: to a head that is malformed, too large or too slow, or that comes too late
//! for a node that stops.
//!
//! The HTTP library answers some of these by itself, without a body, a type or an id, and before any middleware. The stream
//! finds such an answer at the end of what it is to write, and puts a problem in its place.

use std::time::Duration;

use actix_web::{
    ResponseError as _,
    body::MessageBody as _,
    http::{
        StatusCode,
        header::{self, HttpDate},
    },
};
use portico_kernel::{Clock as _, SystemClock, TraceContext};

use crate::{
    Problem,
    middleware::{
        dress,
        ids::{self, RequestId},
    },
    problem::Code,
};

/// How every one of the library's own answers begins, in the version of the request before it.
const REFUSALS: [&[u8]; 2] = [b"HTTP/1.1 4", b"HTTP/1.0 4"];
/// What follows its status line, and its length at the most: two headers or three.
const BODILESS: &[u8] = b"\r\ncontent-length: 0\r\n";
const LENGTH_MAX: usize = 160;

/// Where in `bytes` one begins that they end with, or several: one that is kept waiting is made again. Content could look
/// like one: whoever asks must know better.
pub(super) fn refusal_at(bytes: &[u8]) -> Option<usize> {
    let last = last_refusal_at(bytes)?;
    Some(std::iter::successors(Some(last), |at| last_refusal_at(&bytes[..*at])).last().unwrap_or(last))
}

fn last_refusal_at(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail = &bytes[bytes.len().saturating_sub(LENGTH_MAX)..];
    if !tail.windows(BODILESS.len()).any(|window| window == BODILESS) {
        return None; // as of nearly all that is written
    }
    let from = bytes.len() - tail.len();
    let start =
        (from..bytes.len()).rev().find(|at| REFUSALS.iter().any(|refusal| bytes[*at..].starts_with(refusal)))?;
    let own = &bytes[start..];
    (own.windows(BODILESS.len()).any(|window| window == BODILESS) && is_of_now(own)).then_some(start)
}

/// Whether it was made just now. Content was made before, and cannot know when it is asked for.
fn is_of_now(answer: &[u8]) -> bool {
    const NEAR: Duration = Duration::from_secs(2);
    let text = String::from_utf8_lossy(answer);
    let date = text.lines().find_map(|line| line.strip_prefix("date: ")?.parse::<HttpDate>().ok());
    let now = std::time::SystemTime::from(SystemClock.now());
    date.map(std::time::SystemTime::from).is_some_and(|date| now - NEAR <= date && date <= now + NEAR)
}

/// The status of an answer.
pub(super) fn status(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}

/// The longest request target and header name that the HTTP library's types hold: it takes longer ones for malformed.
const PART_MAX_BYTES: usize = 65_534;

/// The problem that a refusal of this status stands for, after so much was read ahead of a request.
pub(super) fn problem(status: u16, ahead_bytes: usize, head_max_bytes: usize) -> Option<Problem> {
    let too_large = || format!("request head is larger than {head_max_bytes} bytes, or has too many headers");
    match status {
        400 if ahead_bytes > PART_MAX_BYTES => Some(Problem::new(Code::HeaderTooLarge).detail(too_large())),
        400 => Some(Problem::new(Code::MalformedRequest).detail("request line, a header or the framing is malformed")),
        408 => Some(Problem::new(Code::RequestTimeout).detail("the request's head did not come in time")),
        431 => Some(Problem::new(Code::HeaderTooLarge).detail(too_large())),
        503 => {
            let stops = Problem::new(Code::Unavailable).detail("the node stops; the request was not taken up");
            Some(stops.retry_after(Duration::from_secs(1)))
        }
        _ => None,
    }
}

/// The whole answer as it is written, after which the connection is closed. In its trace, `note` is told its status and id.
pub(super) fn answer(problem: &Problem, is_https: bool, note: impl FnOnce(StatusCode, &str)) -> Vec<u8> {
    let trace = TraceContext::new_root();
    let answer = trace.sync_scope(|| problem.error_response());
    let id = RequestId::new();
    trace.sync_scope(|| note(answer.status(), &id));
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().try_into_bytes().unwrap_or_default();
    dress::add(&mut headers, is_https);
    ids::add(&mut headers, &trace, &id);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    let date = HttpDate::from(std::time::SystemTime::from(SystemClock.now()));
    let mut bytes = format!("HTTP/1.1 {status}\r\ndate: {date}\r\n").into_bytes();
    for (name, value) in &headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([b"\r\n", &body[..]].concat());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the library answers at a time.
    fn own_of(time: std::time::SystemTime) -> Vec<u8> {
        format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: {}\r\n\r\n", HttpDate::from(time)).into_bytes()
    }

    #[test]
    fn an_answer_without_a_body_is_the_librarys_own() {
        let now = std::time::SystemTime::from(SystemClock.now());
        let (own, old) = (own_of(now), own_of(now - Duration::from_mins(1)));
        let ours: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
        let behind = [ours, &own].concat();

        assert_eq!((refusal_at(&own), refusal_at(&behind), refusal_at(ours)), (Some(0), Some(ours.len()), None));
        assert_eq!(refusal_at(&own.repeat(2)), Some(0));
        assert_eq!(refusal_at(&old), None, "content that was made before looks like one, and is none");
        assert_eq!(status(&own), Some(400));
    }

    #[test]
    fn an_answer_carries_what_every_answer_does() {
        let mut noted = None;
        let answer = answer(&problem(408, 0, 16).unwrap(), true, |status, id| noted = Some((status, id.to_string())));

        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\ndate: "), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
        for header in ["x-request-id", "traceparent", "strict-transport-security", "x-content-type-options"] {
            assert!(head.contains(&format!("\r\n{header}: ")), "{header}: {head}");
        }
        let (status, id) = noted.unwrap();
        assert!(status == 408 && head.contains(&format!("\r\nx-request-id: {id}")), "{status} {id}: {head}");
    }
}
