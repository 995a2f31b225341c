//! What happens around every request, from the outside in: `observe` (identity, trace, record, metrics), `dress` (headers
//! of every answer), `same_site` (403), `admit` (the limits, `head`, `body`).

mod admit;
mod body;
pub(crate) mod dress;
mod head;
pub(crate) mod ids;
mod observe;
mod same_site;

use actix_web::{
    ResponseError as _,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
};

pub(crate) use admit::admit;
pub(crate) use body::BodyWatch;
pub(crate) use dress::dress;
pub(crate) use observe::observe;
pub(crate) use same_site::same_site;

use crate::Problem;

/// Answers in the place of the service within. Not an `Err`, which would pass the middleware outside by.
pub(crate) fn refuse(request: ServiceRequest, problem: &Problem) -> ServiceResponse<BoxBody> {
    request.into_response(problem.error_response())
}
