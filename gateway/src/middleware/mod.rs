//! What happens around every request, from the outside in: `observe` (identity, trace, record, metrics), `dress` (headers
//! of every answer), the connection's part (`accompany`), `same_site` (403), `admit` (the limits, `head`, `body`).

mod admit;
mod body;
pub(crate) mod dress;
mod head;
pub(crate) mod ids;
mod observe;
mod same_site;

use actix_web::{
    Error, ResponseError as _,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

pub(crate) use admit::admit;
pub(crate) use body::BodyWatch;
use dress::dress;
use observe::observe;
use same_site::same_site;

use crate::{Problem, connection::accompany};

/// What a layer makes of a request.
pub(crate) type Answered = Result<ServiceResponse<BoxBody>, Error>;

/// All that surrounds a request but its limits, as one layer to the HTTP library, to which each costs memory of its own.
pub(crate) async fn surround<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Answered {
    let within = async |request| Ok(next.call(request).await?.map_into_boxed_body());
    let from_here = async |request| same_site(request, within).await;
    let accompanied = async |request| accompany(request, from_here).await;
    let dressed = async |request| dress(request, accompanied).await;
    observe(request, dressed).await
}

/// Answers in the place of the service within. Not an `Err`, which would pass the middleware outside by.
pub(crate) fn refuse(request: ServiceRequest, problem: &Problem) -> ServiceResponse<BoxBody> {
    request.into_response(problem.error_response())
}
