//! Who asks.
//!
//! Invariant: a handler with this among its arguments runs for a live session only.

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, http::header, web::Data};
use futures_util::future::LocalBoxFuture;
use portico_kernel::{Ask, Deadline, UserId};
use portico_session::{Live, Token, Validate};

use crate::{Input, Problem, cookie, limits, openapi::Description, problem::Code, settings::Settings};

/// The session that the request was made under.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Live,
    /// How its token came.
    pub transport: Transport,
}

impl SignedIn {
    /// Who asks.
    pub fn user(&self) -> UserId {
        self.session.user
    }
}

/// How a session's token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a cookie: browsers.
    Cookie,
    /// In the Authorization header: other clients.
    Bearer,
}

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (token, transport) = token(&request)?;
            let validate = request.app_data::<Data<Ask<Validate>>>().expect("the gateway is given every Ask");
            let deadline = Deadline::within(Settings::of(&request).request_timeout);
            let session = deadline.scope(validate.ask(Validate { token })).await?;
            request.extensions_mut().insert(session.user); // for the request's record
            limits::admit_account(&request, session.user)?;
            Ok(Self { session, transport })
        })
    }
}

impl Input for SignedIn {
    fn describe(operation: &mut Description<'_>) {
        operation.secured();
        operation.problems(&[Code::AmbiguousCredentials, Code::SessionMissing, Code::SessionDead]);
    }
}

/// Refuses a request that carries a session cookie and a token, whatever it wants of them.
///
/// # Errors
/// The client's: it does.
pub(crate) fn refuse_ambiguity(request: &HttpRequest) -> Result<(), Problem> {
    let is_ambiguous =
        request.headers().contains_key(header::AUTHORIZATION) && cookie::session_token(request).is_some();
    if is_ambiguous { Err(Problem::new(Code::AmbiguousCredentials)) } else { Ok(()) }
}

fn token(request: &HttpRequest) -> Result<(Token, Transport), Problem> {
    let cookie = cookie::session_token(request);
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (text, transport) = match (cookie, headers.next(), headers.next()) {
        (Some(_), Some(_), _) | (None, Some(_), Some(_)) => return Err(Problem::new(Code::AmbiguousCredentials)),
        (Some(cookie), None, _) => (cookie, Transport::Cookie),
        (None, Some(header), None) => {
            let text = header.to_str().ok().and_then(bearer).ok_or_else(|| Problem::new(Code::SessionMissing))?;
            (text.to_owned(), Transport::Bearer)
        }
        (None, None, _) => return Err(Problem::new(Code::SessionMissing)),
    };
    let token = Token::parse(&text).map_err(|_| Problem::new(Code::SessionDead))?;
    Ok((token, transport))
}

/// The token of `Bearer <token>` (RFC 6750, section 2.1); the scheme is compared without regard to case.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
