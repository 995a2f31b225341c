//! The gate before all work: how often an address may ask (429), how much is in flight (503), the head (431), and the pace
//! of the body (408).

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{body::watch_body, head::bound_head, refuse};
use crate::{
    Problem,
    limits::{Slot, bound_rate, shed_load, tell},
};

/// Lets a request in or refuses it, before its body is read; and tells on either answer what is left of the budgets.
pub(crate) async fn admit<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut answer = match enter(&mut request) {
        Ok(in_flight) => {
            let answer = next.call(request).await?;
            drop(in_flight);
            answer.map_into_boxed_body()
        }
        Err(problem) => refuse(request, &problem),
    };
    tell(&mut answer);
    Ok(answer)
}

/// What is cheapest to find out comes first.
fn enter(request: &mut ServiceRequest) -> Result<Slot, Problem> {
    bound_rate(request.request())?;
    let in_flight = shed_load(request)?;
    bound_head(request)?;
    watch_body(request);
    Ok(in_flight)
}
