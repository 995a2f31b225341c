//! Cross-site request forgery (OWASP CSRF Prevention Cheat Sheet, fetch metadata and origin verification): 403.
//!
//! Invariant: a browser changes nothing here, and signs nobody in, on behalf of a site that is not allowed to. `Origin` is
//! compared with the configured address, never with what the request says of itself.

use actix_web::{dev::ServiceRequest, http::header, web::Data};

use super::Answered;
use crate::{Problem, cookie, limits::refuse_counted, problem::Code, settings::Settings};

/// Refuses unsafe requests that a browser makes for another site, and the preflights of them.
pub(super) async fn same_site(
    request: ServiceRequest,
    within: impl AsyncFnOnce(ServiceRequest) -> Answered,
) -> Answered {
    if is_forged(&request) {
        return Ok(refuse_counted(request, &Problem::new(Code::CrossSite)));
    }
    within(request).await
}

fn is_forged(request: &ServiceRequest) -> bool {
    let asks_leave = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks_leave && (request.method().is_safe() || carries_only_a_bearer_token(request)) {
        return false;
    }
    let settings = request.app_data::<Data<Settings>>().expect("the gateway gives every application its settings");
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("invalid"));
    let is_at_home = |site| matches!(site, "same-origin" | "none");
    match (text("origin"), text("sec-fetch-site")) {
        // The own origin asks from here, whatever way the request took.
        (Some(origin), Some(site)) if origin == settings.public_origin => !is_at_home(site),
        (Some(origin), _) => !settings.allows_origin(origin),
        // Without an origin to compare, only the page itself or the user may have asked.
        (None, Some(site)) => !is_at_home(site),
        (None, None) => false, // no browser of today: it has no one else's cookies to abuse
    }
}

/// A browser never adds this header on its own, so that no other site can make it.
fn carries_only_a_bearer_token(request: &ServiceRequest) -> bool {
    request.headers().contains_key(header::AUTHORIZATION) && cookie::session_token(request.request()).is_none()
}
