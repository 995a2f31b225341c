//! Bounds the request's head: 431. One that asks for WebSocket is refused: 400.
//!
//! The connection itself refuses what is not read so far: a head past twice the bound or of more than 96 headers (431), and
//! one that does not come in time (408).

use actix_web::{dev::ServiceRequest, http::header, web::Data};

use crate::{Problem, problem::Code, settings::Settings};

/// Refuses a request whose line and headers are larger than configured.
///
/// # Errors
/// The client's.
pub(super) fn bound_head(request: &ServiceRequest) -> Result<(), Problem> {
    let settings = request.app_data::<Data<Settings>>().expect("the gateway gives every application its settings");
    let max_bytes = settings.http.limits.header_max_bytes;
    if size(request) > max_bytes {
        let detail = format!("request head is larger than {max_bytes} bytes");
        return Err(Problem::new(Code::HeaderTooLarge).detail(detail));
    }
    if wants_websocket(request) {
        return Err(Problem::new(Code::MalformedRequest).detail("nothing here speaks WebSocket"));
    }
    Ok(())
}

/// The HTTP library takes everything behind such a head for the request's body, whatever its length says: a proxy that
/// goes by the length would send the next client's request into it.
fn wants_websocket(request: &ServiceRequest) -> bool {
    let mut protocols = request.headers().get_all(header::UPGRADE).filter_map(|value| value.to_str().ok());
    protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// About what the head took on the wire.
fn size(request: &ServiceRequest) -> usize {
    const LINE: usize = "  HTTP/1.1\r\n\r\n".len();
    const SEPARATORS: usize = ": \r\n".len();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + SEPARATORS);
    LINE + request.method().as_str().len() + target + headers.sum::<usize>()
}
