//! The session that a sign-in takes the place of.
//!
//! Invariant: a browser that signs in again leaves no live session behind whose cookie it overwrote (OWASP ASVS 5.0, 7.2.4).
//! The sign-in itself never fails for it.

use std::time::Duration;

use actix_web::{HttpRequest, web::Data};
use portico_kernel::{Ask, Deadline};
use portico_session::{Delete, Error, Token, Validate};

use crate::cookie;

/// How long a sign-in waits for the end of the session before it.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// The session whose cookie came with a sign-in; there may be none, or a dead one.
pub(super) struct Previous {
    token: Option<Token>,
    validate: Data<Ask<Validate>>,
    delete: Data<Ask<Delete>>,
}

impl Previous {
    /// What the cookie of `request` says.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let token = cookie::session_token(request).and_then(|text| Token::parse(&text).ok());
        let validate = request.app_data::<Data<Ask<Validate>>>().expect("the gateway is given every Ask");
        let delete = request.app_data::<Data<Ask<Delete>>>().expect("the gateway is given every Ask");
        Self { token, validate: Data::clone(validate), delete: Data::clone(delete) }
    }

    /// Ends it, as far as the session domain answers in time: half of what is left is the answer's own.
    pub(super) async fn end(self) {
        let Some(token) = self.token else { return };
        let left = Deadline::current().map_or(WAIT_MAX, |deadline| deadline.remaining() / 2);
        let ended = Deadline::within(left.min(WAIT_MAX)).scope(async {
            let session = self.validate.ask(Validate { token }).await?;
            self.delete.ask(Delete { user: session.user, session: session.id }).await
        });
        match ended.await {
            Ok(()) | Err(Error::Dead | Error::Unknown) => {}
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "session before a sign-in was not ended");
            }
        }
    }
}
