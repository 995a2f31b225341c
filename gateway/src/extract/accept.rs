//! Whether the client accepts what a route answers (RFC 9110, section 12.5.1).

use actix_web::{HttpRequest, http::header};

use crate::{Problem, problem::Code};

/// Passes when the client accepts one of `media`, when the answer has no body, or when the client does not say.
pub(crate) fn accepts(request: &HttpRequest, media: &[&str]) -> Result<(), Problem> {
    let mut ranges = request.headers().get_all(header::ACCEPT).peekable();
    if media.is_empty() || ranges.peek().is_none() {
        return Ok(());
    }
    let ranges = ranges.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let ranges: Vec<&str> = ranges.collect();
    let accepted = media.iter().any(|kind| is_accepted(&ranges, kind));
    if accepted { Ok(()) } else { Err(Problem::new(Code::NotAcceptable)) }
}

/// The most specific of the ranges that cover a type has the say.
fn is_accepted(ranges: &[&str], media: &str) -> bool {
    let closest = ranges.iter().filter_map(|range| Some((closeness(range, media)?, !is_refusal(range)))).max();
    closest.is_some_and(|(_, accepts)| accepts)
}

/// How specific a range is that covers a type.
fn closeness(range: &str, media: &str) -> Option<u8> {
    let range = range.split(';').next().unwrap_or_default().trim();
    match range.split_once('/') {
        Some(("*", "*")) => Some(0),
        Some((kind, "*")) => media.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(kind)).then_some(1),
        _ => range.eq_ignore_ascii_case(media).then_some(2),
    }
}

/// A weight of zero means "not acceptable".
fn is_refusal(range: &str) -> bool {
    let weight = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    weight.and_then(|weight| weight.trim().parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
}
