//! Ids in the path. One that is no UUID names nothing: 404, as for one that is unknown.

use std::{
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use portico_kernel::UserId;
use portico_photo::PhotoId;
use portico_session::SessionId;
use uuid::Uuid;

use crate::{Input, Problem, openapi::Description, problem::Code};

/// An id that can stand in a path.
pub trait PathId: FromStr + 'static {
    /// The name that the route's template gives it.
    const NAME: &'static str;
    /// What it names.
    const DESCRIPTION: &'static str;
    /// The problem if it names nothing.
    const UNKNOWN: Code;
}

impl PathId for UserId {
    const NAME: &'static str = "id";
    const DESCRIPTION: &'static str = "The user's id.";
    const UNKNOWN: Code = Code::UserUnknown;
}

impl PathId for SessionId {
    const NAME: &'static str = "id";
    const DESCRIPTION: &'static str = "The session's id.";
    const UNKNOWN: Code = Code::SessionUnknown;
}

impl PathId for PhotoId {
    const NAME: &'static str = "photo_id";
    const DESCRIPTION: &'static str = "The photo's id.";
    const UNKNOWN: Code = Code::PhotoUnknown;
}

/// An id from the path.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<T: PathId> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get(T::NAME).and_then(|text| text.parse().ok());
        ready(id.map(Self).ok_or_else(|| Problem::new(T::UNKNOWN)))
    }
}

impl<T: PathId> Input for Id<T> {
    fn describe(operation: &mut Description<'_>) {
        operation.path::<Uuid>(T::NAME, T::DESCRIPTION);
        operation.problems(&[T::UNKNOWN]);
    }
}
