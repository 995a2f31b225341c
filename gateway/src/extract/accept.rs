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
    let accepted = ranges.filter(|range| !is_refusal(range)).any(|range| media.iter().any(|kind| covers(range, kind)));
    if accepted { Ok(()) } else { Err(Problem::new(Code::NotAcceptable)) }
}

fn covers(range: &str, media: &str) -> bool {
    let range = range.split(';').next().unwrap_or_default().trim();
    match range.split_once('/') {
        Some(("*", "*")) => true,
        Some((kind, "*")) => media.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(kind)),
        _ => range.eq_ignore_ascii_case(media),
    }
}

/// A weight of zero means "not acceptable".
fn is_refusal(range: &str) -> bool {
    let weight = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    weight.and_then(|weight| weight.trim().parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
}
