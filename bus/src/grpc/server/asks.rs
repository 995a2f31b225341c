//! The services: which ask answers which call.

use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{Limits, content, serve::serve, tail, upload};
use crate::grpc::proto::{
    log::v1::{self as logs, logs_server},
    photo::v1::{self as photos, photos_server},
    session::v1::{self as sessions, sessions_server},
    user::v1::{self as users, users_server},
};

/// A service whose calls are each answered by one ask, and `others` that are not as simple.
macro_rules! service {
    (
        $service:path, $asks:path, $wire:ident:
        $($call:ident($request:ident) -> $response:ident by $($ask:ident).+;)*
        $(=> { $($others:item)* })?
    ) => {
        #[async_trait]
        impl $service for $asks {
            $(
                async fn $call(&self, request: Request<$wire::$request>) -> Result<Response<$wire::$response>, Status> {
                    serve(&self.$($ask).+, request).await
                }
            )*
            $($($others)*)?
        }
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

service! {
    logs_server::Logs, portico_log::Asks, logs:
    => {
        type TailStream = tail::Parts;

        async fn append(
            &self,
            request: Request<logs::AppendRequest>,
        ) -> Result<Response<logs::AppendResponse>, Status> {
            let Some(append) = &self.append else { return Err(Status::unimplemented("records of others come by Kafka")) };
            serve(append, request).await
        }

        async fn tail(&self, request: Request<logs::TailRequest>) -> Result<Response<Self::TailStream>, Status> {
            let Some(tail) = &self.tail else { return Err(Status::unimplemented("there are no log files")) };
            tail::serve(tail, request).await
        }
    }
}

/// The photo domain, and what its streams of bytes may take.
pub(super) struct Photos {
    pub(super) asks: portico_photo::Asks,
    pub(super) limits: Limits,
}

service! {
    photos_server::Photos, Photos, photos:
    get_photo(GetPhotoRequest) -> GetPhotoResponse by asks.get;
    get_photos(GetPhotosRequest) -> GetPhotosResponse by asks.list;
    summarize_photos(SummarizePhotosRequest) -> SummarizePhotosResponse by asks.summarize;
    delete_photo(DeletePhotoRequest) -> DeletePhotoResponse by asks.delete;
    apply_user_event(ApplyUserEventRequest) -> ApplyUserEventResponse by asks.apply_user_event;
    => {
        type OpenPhotoStream = BoxStream<'static, Result<photos::OpenPhotoResponse, Status>>;

        async fn load_photo(
            &self,
            request: Request<Streaming<photos::LoadPhotoRequest>>,
        ) -> Result<Response<photos::LoadPhotoResponse>, Status> {
            upload::serve(&self.asks.load, request, self.limits.upload_pause_max).await
        }

        async fn open_photo(
            &self,
            request: Request<photos::OpenPhotoRequest>,
        ) -> Result<Response<Self::OpenPhotoStream>, Status> {
            content::serve(&self.asks.open, request, self.limits.content_pause_max).await
        }
    }
}
