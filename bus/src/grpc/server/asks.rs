//! The services: which ask answers which call.

use portico_kernel::Ask;
use portico_session as session;
use portico_user as user;
use tonic::{Request, Response, Status, async_trait};

use super::serve::serve;
use crate::grpc::proto::{
    session::v1::{self as sessions, sessions_server},
    user::v1::{self as users, users_server},
};

/// Whom the session domain's calls are passed on to.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is named after its message")]
pub struct SessionAsks {
    pub create: Ask<session::Create>,
    pub validate: Ask<session::Validate>,
    pub delete: Ask<session::Delete>,
    pub list: Ask<session::List>,
    pub delete_others: Ask<session::DeleteOthers>,
    pub ensure_revocable: Ask<session::EnsureRevocable>,
    pub raise_epoch: Ask<session::RaiseEpoch>,
    pub rotate: Ask<session::Rotate>,
    pub apply_user_event: Ask<session::ApplyUserEvent>,
}

/// Whom the user domain's calls are passed on to.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is named after its message")]
pub struct UserAsks {
    pub register: Ask<user::Register>,
    pub authenticate: Ask<user::Authenticate>,
    pub delete_account: Ask<user::DeleteAccount>,
    pub update_account: Ask<user::UpdateAccount>,
    pub get_user: Ask<user::GetUser>,
    pub reset_password: Ask<user::ResetPassword>,
    pub sign_out: Ask<user::SignOut>,
    pub import: Ask<user::Import>,
    pub apply_user_event: Ask<user::ApplyUserEvent>,
}

/// A service whose calls are each answered by one ask.
macro_rules! service {
    ($service:path, $asks:ident, $wire:ident: $($call:ident($request:ident) -> $response:ident by $ask:ident;)*) => {
        #[async_trait]
        impl $service for $asks {$(
            async fn $call(&self, request: Request<$wire::$request>) -> Result<Response<$wire::$response>, Status> {
                serve(&self.$ask, request).await
            }
        )*}
    };
}

service! {
    sessions_server::Sessions, SessionAsks, sessions:
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
    users_server::Users, UserAsks, users:
    register_and_login(RegisterAndLoginRequest) -> RegisterAndLoginResponse by register;
    authenticate_and_login(AuthenticateAndLoginRequest) -> AuthenticateAndLoginResponse by authenticate;
    delete_account(DeleteAccountRequest) -> DeleteAccountResponse by delete_account;
    update_account(UpdateAccountRequest) -> UpdateAccountResponse by update_account;
    get_user(GetUserRequest) -> GetUserResponse by get_user;
    reset_password(ResetPasswordRequest) -> ResetPasswordResponse by reset_password;
    sign_out(SignOutRequest) -> SignOutResponse by sign_out;
    import_users(ImportUsersRequest) -> ImportUsersResponse by import;
    apply_user_event(ApplyUserEventRequest) -> ApplyUserEventResponse by apply_user_event;
}
