//! The owner that a path names.

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use futures_util::future::LocalBoxFuture;
use portico_kernel::{Ask, UserId};
use portico_user::GetUser;

use crate::{Id, Input, Problem, openapi::Description};

/// A user that there is. One whose account is gone has no photos, whatever of them is not swept yet. It belongs behind
/// `SignedIn`.
pub(super) struct Known(pub(super) UserId);

impl FromRequest for Known {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let id = Id::<UserId>::from_request(request, payload);
        let users = request.app_data::<Data<Ask<GetUser>>>().expect("the gateway is given every Ask").clone();
        Box::pin(async move {
            let Id(id) = id.await?;
            users.ask(GetUser { id }).await?;
            Ok(Self(id))
        })
    }
}

impl Input for Known {
    fn describe(operation: &mut Description<'_>) {
        Id::<UserId>::describe(operation);
    }
}
