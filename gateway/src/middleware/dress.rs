//! The headers of every answer (OWASP HTTP Headers Cheat Sheet). A route that needs another value sets it itself.

use actix_web::{
    dev::ServiceRequest,
    http::{
        ConnectionType,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    web::Data,
};

use super::Answered;
use crate::settings::Settings;

const ALWAYS: [(HeaderName, HeaderValue); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    // Whatever is not said to be cacheable may be about an account.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Two years. Other hosts beneath this one are their operators' business.
const HSTS: (HeaderName, HeaderValue) =
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));

/// Adds the headers that the answer does not have.
pub(super) async fn dress(request: ServiceRequest, within: impl AsyncFnOnce(ServiceRequest) -> Answered) -> Answered {
    let settings = request.app_data::<Data<Settings>>().expect("the gateway gives every application its settings");
    let settings = Data::clone(settings);
    let mut answer = within(request).await?;
    add(answer.headers_mut(), settings.is_https());
    if settings.is_draining() {
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(answer)
}

/// Adds those that are not there.
pub(crate) fn add(headers: &mut HeaderMap, is_https: bool) {
    for (name, value) in ALWAYS.into_iter().chain(is_https.then_some(HSTS)) {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}
