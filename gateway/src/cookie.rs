//! The cookies: the session's, and the device's that keeps an owner from being locked out.
//!
//! Invariant: both are `HttpOnly`, `SameSite=Lax` and for the whole of this host only; over https they carry the `__Host-`
//! prefix, which makes browsers refuse one that another host or an insecure page set.

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite},
    http::header,
};
use time::Duration;

use crate::{limits::DEVICE_LIFETIME, settings::Settings};

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Carries the session's token.
    Session,
    /// Says that its owner signed in from this device before.
    Device,
}

impl Purpose {
    /// The cookie's name.
    pub(crate) const fn cookie_name(self, is_https: bool) -> &'static str {
        match (self, is_https) {
            (Self::Session, true) => "__Host-session",
            (Self::Session, false) => "session",
            (Self::Device, true) => "__Host-device",
            (Self::Device, false) => "device",
        }
    }
}

/// The session token that a browser sent.
pub(crate) fn session_token(request: &HttpRequest) -> Option<String> {
    read(request, Purpose::Session)
}

/// The value of a cookie, if the request carries it. What else stands in the header is another application's and may be
/// malformed; the first of several wins, as the most specific one (RFC 6265, section 5.4).
pub(crate) fn read(request: &HttpRequest, purpose: Purpose) -> Option<String> {
    let name = purpose.cookie_name(Settings::of(request).is_https());
    let lines = request.headers().get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// A cookie that lasts as long as its use can: the session's absolute lifetime, or [`DEVICE_LIFETIME`].
pub(crate) fn set(settings: &Settings, purpose: Purpose, value: String) -> Cookie<'static> {
    let max_age = match purpose {
        Purpose::Session => Duration::seconds(i64::try_from(settings.session_absolute.as_secs()).unwrap_or(i64::MAX)),
        Purpose::Device => DEVICE_LIFETIME,
    };
    build(settings, purpose, value, max_age)
}

/// A cookie that makes the browser forget the one it has.
pub(crate) fn clear(settings: &Settings, purpose: Purpose) -> Cookie<'static> {
    build(settings, purpose, String::new(), Duration::ZERO)
}

fn build(settings: &Settings, purpose: Purpose, value: String, max_age: Duration) -> Cookie<'static> {
    Cookie::build(purpose.cookie_name(settings.is_https()), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.is_https())
        .max_age(max_age)
        .finish()
}
