//! Conditional and range requests (RFC 9110, sections 13 and 14).
//!
//! Invariant: preconditions are weighed in the order of section 13.2.2, and a part is sent only of the representation that
//! the client means.
//!
//! Choices that the RFC leaves open: a `Range` with several ranges, of another unit, or that does not parse is ignored, so
//! that the whole content is sent (section 14.2 allows both); nothing has a `Last-Modified`, so that dates match nothing.

use std::{
    future::{Ready, ready},
    ops,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{
            self, ContentRangeSpec, EntityTag, Header, IfMatch, IfNoneMatch, IfRange, Range, TryIntoHeaderValue as _,
        },
    },
};

use crate::{Input, Problem, openapi::Description, problem::Code};

/// What a GET or HEAD asks under which conditions.
#[derive(Debug)]
pub(crate) struct Conditions {
    is_get: bool,
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
    if_range: Option<IfRange>,
    range: Option<Range>,
}

/// What is to be sent of a representation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing: the client has it. 304.
    Nothing,
    /// The head only, as if for all of it. 200.
    Head,
    /// All of it. 200.
    Whole,
    /// First byte, and the byte after the last. 206.
    Part(ops::Range<u64>),
}

impl Conditions {
    /// Weighs the conditions for the representation of this `tag` and `size`, which is not empty.
    ///
    /// # Errors
    /// The client's: `precondition_failed`, `range_not_satisfiable`.
    pub(crate) fn weigh(&self, tag: &EntityTag, size: u64) -> Result<Wanted, Problem> {
        if !self.if_match.as_ref().is_none_or(|wanted| is_among(wanted, tag)) {
            return Err(Problem::new(Code::PreconditionFailed));
        }
        if self.if_none_match.as_ref().is_some_and(|had| is_had(had, tag)) {
            return Ok(Wanted::Nothing);
        }
        match (self.is_get, self.range(tag)) {
            (false, _) => Ok(Wanted::Head), // a range has a meaning for GET only (section 14.2)
            (true, None) => Ok(Wanted::Whole),
            (true, Some(range)) => {
                let (first, last) = range.to_satisfiable_range(size).ok_or_else(|| not_satisfiable(size))?;
                Ok(Wanted::Part(first..last + 1))
            }
        }
    }

    /// The one range that is asked for, unless it is meant for another representation.
    fn range(&self, tag: &EntityTag) -> Option<&header::ByteRangeSpec> {
        let is_meant = match &self.if_range {
            None => true,
            Some(IfRange::EntityTag(wanted)) => wanted.strong_eq(tag),
            Some(IfRange::Date(_)) => false,
        };
        match &self.range {
            Some(Range::Bytes(ranges)) if is_meant => ranges.first(),
            _ => None,
        }
    }
}

/// If-Match compares strongly (section 13.1.1).
fn is_among(wanted: &IfMatch, tag: &EntityTag) -> bool {
    match wanted {
        IfMatch::Any => true,
        IfMatch::Items(tags) => tags.iter().any(|wanted| wanted.strong_eq(tag)),
    }
}

/// If-None-Match compares weakly (section 13.1.2).
fn is_had(had: &IfNoneMatch, tag: &EntityTag) -> bool {
    match had {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|had| had.weak_eq(tag)),
    }
}

fn not_satisfiable(size: u64) -> Problem {
    let size = ContentRangeSpec::Bytes { range: None, instance_length: Some(size) };
    let size = size.try_into_value().expect("numbers are visible ASCII");
    Problem::new(Code::RangeNotSatisfiable).header(header::CONTENT_RANGE, size)
}

impl FromRequest for Conditions {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            is_get: request.method() == Method::GET,
            if_match: given(request, IfMatch::Items(Vec::new())),
            if_none_match: given(request, IfNoneMatch::Items(Vec::new())),
            if_range: given(request, IfRange::EntityTag(EntityTag::new_weak(String::new()))),
            range: range(request),
        }))
    }
}

/// A header that the request may carry; one that does not parse names no representation that there is: `none`.
fn given<H: Header>(request: &HttpRequest, none: H) -> Option<H> {
    request.headers().contains_key(H::name()).then(|| H::parse(request).unwrap_or(none))
}

/// The parser takes a sign for part of a number and passes over items of a list that it cannot read: neither is a range.
fn range(request: &HttpRequest) -> Option<Range> {
    let mut lines = request.headers().get_all(header::RANGE);
    let (only, None) = (lines.next()?, lines.next()) else { return None };
    let text = only.to_str().ok().filter(|text| !text.contains([',', '+']))?;
    text.parse().ok()
}

impl Input for Conditions {
    fn describe(operation: &mut Description<'_>) {
        operation.header::<String>("If-Match", "Answers 412 unless the content has one of these entity tags.");
        operation.header::<String>("If-None-Match", "Answers 304 if the content has one of these entity tags.");
        operation.header::<String>("Range", "One range of bytes; several are answered with the whole content.");
        operation.header::<String>("If-Range", "Heeds `Range` only if the content has this entity tag.");
        operation.problems(&[Code::PreconditionFailed, Code::RangeNotSatisfiable]);
    }
}

#[cfg(test)]
mod tests;
