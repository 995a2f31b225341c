//! The services: which ask answers which call.

use tonic::{Request, Response, Status, async_trait};

use super::serve::serve;
use crate::grpc::proto::{
    session::v1::{self as sessions, sessions_server},
    user::v1::{self as users, users_server},
};

/// A service whose calls are each answered by one ask.
macro_rules! service {
    ($service:path, $asks:path, $wire:ident: $($call:ident($request:ident) -> $response:ident by $ask:ident;)*) => {
        #[async_trait]
        impl $service for $asks {$(
            async fn $call(&self, request: Request<$wire::$request>) -> Result<Response<$wire::$response>, Status> {
                serve(&self.$ask, request).await
            }
        )*}
    };
}

service! {
    sessions_server::Sessions, portico_session::Asks, sessions:
    create_session(CreateSessionRequest) -> CreateSessionResponse by create;
    validate_session(ValidateSessionRequest) -> ValidateSessionResponse by validate;
    delete_session(DeleteSessionRequest) -> DeleteSessionResponse by delete;
    list_sessions(ListSessionsRequest) -> ListSessionsResponse by list;
    delete_other_sessions(DeleteOtherSessionsRequest) -> DeleteOtherSessionsResponse by delete_others;
    ensure_revocable(EnsureRevocableRequest) -> EnsureRevocableResponse by ensure_revocable;
    raise_epoch(RaiseEpochRequest) -> RaiseEpochResponse by raise_epoch;
    rotate_session(RotateSessionRequest) -> RotateSessionResponse by rotate;
    apply_user_event(ApplyUserEventRequest) -> ApplyUserEventResponse by apply_user_event;
}

service! {
    users_server::Users, portico_user::Asks, users:
    register_and_login(RegisterAndLoginRequest) -> RegisterAndLoginResponse by register;
    authenticate_and_login(AuthenticateAndLoginRequest) -> AuthenticateAndLoginResponse by authenticate;
    delete_account(DeleteAccountRequest) -> DeleteAccountResponse by delete_account;
    update_account(UpdateAccountRequest) -> UpdateAccountResponse by update_account;
    get_user(GetUserRequest) -> GetUserResponse by get_user;
}
