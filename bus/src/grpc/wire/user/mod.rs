//! The user domain: its service, and how its messages travel.

mod answers;
mod error;
mod messages;

use portico_user::{Authenticate, DeleteAccount, Error, GetUser, Register, SignedIn, UpdateAccount, Updated, User};

use super::{Domain, empty, holding, rpcs};
use crate::grpc::{
    proto::user::v1::{
        AuthenticateAndLoginResponse, DeleteAccountResponse, GetUserResponse, RegisterAndLoginResponse,
        UpdateAccountResponse,
    },
    wire::Form as _,
};

/// The user domain.
pub enum Users {}

macro_rules! service {
    () => {
        "portico.user.v1.Users"
    };
}

impl Domain for Users {
    const SERVICE: &'static str = service!();
    type Error = Error;
}

rpcs! {
    Users:
    Register, "RegisterAndLogin", SignedIn, RegisterAndLoginResponse;
    Authenticate, "AuthenticateAndLogin", SignedIn, AuthenticateAndLoginResponse;
    DeleteAccount, "DeleteAccount", (), DeleteAccountResponse;
    UpdateAccount, "UpdateAccount", Updated, UpdateAccountResponse;
    GetUser, "GetUser", User, GetUserResponse;
}

empty! {
    DeleteAccountResponse
}

holding! {
    RegisterAndLoginResponse { signed_in: SignedIn }
    AuthenticateAndLoginResponse { signed_in: SignedIn }
    GetUserResponse { user: User }
}
