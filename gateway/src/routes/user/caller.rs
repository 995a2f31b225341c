//! Who tries a password, and how often one may.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, web::Data};
use portico_kernel::{AskError, UserId};
use portico_session::{ClientInfo, SessionId};
use portico_user::{Email, Error};

use super::{answers::DEVICE_HEADER, previous::Previous};
use crate::{
    Input, Problem,
    cookie::{self, Purpose},
    extract::{client_info, refuse_ambiguity},
    limits::{self, Permit, Refused, SignInGuard},
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
    request: HttpRequest,
}

impl Caller {
    /// Begins an attempt at the password of the account at `email`.
    ///
    /// # Errors
    /// The client's: too many attempts failed. The server's: too many passwords wait to be verified.
    pub(super) async fn sign_in(&self, email: &Email) -> Result<Attempt, Problem> {
        self.attempt(self.guard.check(&email.key(), self.client.address, self.device.as_deref()).await)
    }

    /// Begins a registration: it counts for the address, and, since one that is repeated verifies a password, for the
    /// account.
    ///
    /// # Errors
    /// As for [`Self::sign_in`]; the client's also: too many registrations.
    pub(super) async fn register(&self, email: &Email, is_repeatable: bool) -> Result<Attempt, Problem> {
        let mut attempt = self.attempt(if is_repeatable {
            self.guard.check_repeat(&email.key(), self.device.as_deref()).await
        } else {
            self.guard.check_new().await
        })?;
        limits::admit_registration(&self.request)?;
        attempt.registration = Some(self.request.clone());
        Ok(attempt)
    }

    /// Begins to confirm the password of the account that `session` belongs to.
    ///
    /// # Errors
    /// As for [`Self::sign_in`].
    pub(super) async fn confirm(&self, session: SessionId) -> Result<Attempt, Problem> {
        self.attempt(self.guard.check_session(session).await)
    }

    fn attempt(&self, permit: Result<Permit, Refused>) -> Result<Attempt, Problem> {
        permit
            .map(|permit| Attempt { permit, registration: None })
            .map_err(|refused| limits::note_refusal(&self.request, &refused))
    }

    /// Names the user in the request's record, now that they are known.
    pub(super) fn is(&self, user: UserId) {
        self.request.extensions_mut().insert(user);
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
        let (client, previous, guard) = (client_info(request), Previous::of(request), Data::clone(guard));
        ready(refuse_ambiguity(request).map(|()| Self { client, previous, guard, device, request: request.clone() }))
    }
}

impl Input for Caller {
    fn describe(operation: &mut Description<'_>) {
        let text = "Clients without cookies: what the last sign-in answered under this name, so that others' failed \
                    sign-ins never lock this device out.";
        operation.header::<String>(DEVICE_HEADER, text);
        operation.problems(&[Code::AmbiguousCredentials, Code::RateLimited, Code::Overloaded]);
    }
}

/// An attempt at a password. What is asked may be carried out although nobody waits for the answer any more.
pub(super) struct Attempt {
    permit: Permit,
    /// The request, if it counts as a registration.
    registration: Option<HttpRequest>,
}

impl Attempt {
    /// Counts the outcome of what is `asked`, and hands it on. Until that is known the password is taken to be wrong: who
    /// hangs up may see by its effect what came of it.
    ///
    /// A registration whose password breaks the policy is taken back: that is told before the account is looked for.
    pub(super) async fn judge<T>(mut self, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Problem> {
        self.permit.spend();
        let outcome = asked.await;
        if is_judged(&outcome) {
            self.permit.give_back();
        }
        if let (Err(Error::WeakPassword { .. }), Some(request)) = (&outcome, &self.registration) {
            limits::forgive_registration(request);
        }
        Ok(outcome?)
    }
}

/// Whether it is known that the password was right, or was not verified.
fn is_judged<T>(outcome: &Result<T, Error>) -> bool {
    !matches!(
        outcome,
        Err(Error::BadCredentials | Error::WrongPassword | Error::Ask(AskError::Crashed | AskError::Late))
    )
}
