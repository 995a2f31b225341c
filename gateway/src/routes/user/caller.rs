//! Who tries a password, and how often one may.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use portico_session::{ClientInfo, SessionId};
use portico_user::{Email, Error};

use super::{answers::DEVICE_HEADER, previous::Previous};
use crate::{
    Input, Problem,
    cookie::{self, Purpose},
    extract::client_info,
    limits::{self, Permit, SignInGuard},
    openapi::Description,
    problem::Code,
};

/// A client that is about to present a password.
pub(super) struct Caller {
    pub(super) client: ClientInfo,
    /// The session that it has already.
    pub(super) previous: Previous,
    guard: Data<SignInGuard>,
    device: Option<String>,
}

impl Caller {
    /// Begins an attempt at the password of the account at `email`.
    ///
    /// # Errors
    /// The client's: too many attempts failed. The server's: too many passwords wait to be verified.
    pub(super) fn sign_in(&self, email: &Email) -> Result<Attempt, Problem> {
        self.guard.check(&email.key(), self.client.address, self.device.as_deref()).map(Attempt)
    }

    /// Begins to confirm the password of the account that `session` belongs to.
    ///
    /// # Errors
    /// As for [`Self::sign_in`].
    pub(super) fn confirm(&self, session: SessionId) -> Result<Attempt, Problem> {
        self.guard.check_session(session).map(Attempt)
    }

    /// What this device is known by, once its user has proved to know the password of the account at `email`.
    pub(super) fn known_as(&self, email: &Email) -> String {
        self.guard.device_token(&email.key(), self.device.as_deref())
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get(DEVICE_HEADER).and_then(|value| value.to_str().ok());
        let device = header.map(str::to_owned).or_else(|| cookie::read(request, Purpose::Device));
        let guard = request.app_data::<Data<SignInGuard>>().expect("the gateway gives every application its guard");
        let previous = Previous::of(request);
        ready(Ok(Self { client: client_info(request), previous, device, guard: Data::clone(guard) }))
    }
}

impl Input for Caller {
    fn describe(operation: &mut Description<'_>) {
        let text = "Clients without cookies: what the last sign-in answered under this name, so that others' failed \
                    sign-ins never lock this device out.";
        operation.header::<String>(DEVICE_HEADER, text);
        operation.problems(&[Code::RateLimited, Code::Overloaded]);
    }
}

/// An attempt at a password.
pub(super) struct Attempt(Permit);

impl Attempt {
    /// Counts the outcome, and hands it on.
    pub(super) fn judge<T>(self, outcome: Result<T, Error>) -> Result<T, Problem> {
        if matches!(outcome, Err(Error::BadCredentials | Error::WrongPassword)) {
            self.0.failed();
        }
        Ok(outcome?)
    }
}

/// An address that may open another account.
pub(super) struct Admitted;

impl FromRequest for Admitted {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(limits::admit_registration(request).map(|()| Self))
    }
}

impl Input for Admitted {
    fn describe(operation: &mut Description<'_>) {
        operation.problems(&[Code::RateLimited]);
    }
}
