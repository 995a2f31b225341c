//! The session domain: its service, and how its messages travel.

mod error;
mod messages;
pub(super) mod values;

use portico_session::{
    ApplyUserEvent, Create, Delete, DeleteOthers, EnsureRevocable, Error, List, Live, Opened, RaiseEpoch, Rotate,
    Session, Validate,
};

use super::{Domain, empty, holding, rpcs};
use crate::grpc::{
    proto::session::v1::{
        ApplyUserEventResponse, CreateSessionResponse, DeleteOtherSessionsResponse, DeleteSessionResponse,
        EnsureRevocableResponse, ListSessionsResponse, RaiseEpochResponse, RotateSessionResponse,
        ValidateSessionResponse,
    },
    wire::Form as _,
};

/// The session domain.
pub enum Sessions {}

macro_rules! service {
    () => {
        "portico.session.v1.Sessions"
    };
}

impl Domain for Sessions {
    const SERVICE: &'static str = service!();
    type Error = Error;
}

rpcs! {
    Sessions:
    Create, "CreateSession", Opened, CreateSessionResponse;
    Validate, "ValidateSession", Live, ValidateSessionResponse;
    Delete, "DeleteSession", (), DeleteSessionResponse;
    List, "ListSessions", Vec<Session>, ListSessionsResponse;
    DeleteOthers, "DeleteOtherSessions", (), DeleteOtherSessionsResponse;
    EnsureRevocable, "EnsureRevocable", (), EnsureRevocableResponse;
    RaiseEpoch, "RaiseEpoch", (), RaiseEpochResponse;
    Rotate, "RotateSession", Opened, RotateSessionResponse;
    ApplyUserEvent, "ApplyUserEvent", (), ApplyUserEventResponse;
}

empty! {
    DeleteSessionResponse
    DeleteOtherSessionsResponse
    EnsureRevocableResponse
    RaiseEpochResponse
    ApplyUserEventResponse
}

holding! {
    CreateSessionResponse { opened: Opened }
    RotateSessionResponse { opened: Opened }
}
