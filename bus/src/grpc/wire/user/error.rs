//! The user domain's errors.

use portico_kernel::{AskError, Invalid};
use portico_user::Error;

use crate::grpc::{
    proto::user::v1::{self as wire, ErrorKind, error::Reason},
    wire::{
        DomainError,
        fault::{read_call, read_store, write_call, write_store},
    },
};

/// The fields that a chosen password comes in.
const FIELDS: [&str; 2] = ["password", "new_password"];
/// The rules that it may break.
const RULES: [&str; 4] = ["too_short", "too_common", "too_personal", "one_time"];
/// A rule that only the other node knows, which is of a later version. Its sentence tells.
const NEW_RULE: &str = "unacceptable";

impl DomainError for Error {
    type Wire = wire::Error;
    const TYPE_URL: &'static str = "type.googleapis.com/portico.user.v1.Error";

    fn write(&self) -> Self::Wire {
        let kind = |kind: ErrorKind| Reason::Kind(kind.into());
        let reason = match self {
            Self::EmailTaken => kind(ErrorKind::EmailTaken),
            Self::BadCredentials => kind(ErrorKind::BadCredentials),
            Self::WrongPassword => kind(ErrorKind::WrongPassword),
            Self::PasswordRequired => kind(ErrorKind::PasswordRequired),
            Self::Unknown => kind(ErrorKind::Unknown),
            Self::Conflict => kind(ErrorKind::Conflict),
            Self::KeyReused => kind(ErrorKind::KeyReused),
            Self::KeyInProgress => kind(ErrorKind::KeyInProgress),
            Self::HashingOverloaded => kind(ErrorKind::HashingOverloaded),
            Self::Hashing => kind(ErrorKind::Hashing),
            Self::WeakPassword { field, rule } => Reason::WeakPassword(write_weak(field, rule)),
            Self::Store(error) => Reason::Store(write_store(error)),
            Self::Session(error) => Reason::Session(error.write()),
            Self::Ask(error) => Reason::Call(write_call(*error).into()),
        };
        wire::Error { reason: Some(reason) }
    }

    fn read(wire: Self::Wire) -> Option<Self> {
        match wire.reason? {
            Reason::Kind(kind) => read_kind(ErrorKind::try_from(kind).ok()?),
            Reason::WeakPassword(weak) => read_weak(weak),
            Reason::Store(failure) => read_store(failure).map(Self::Store),
            Reason::Session(error) => DomainError::read(error).map(Self::Session),
            Reason::Call(failure) => read_call(failure).map(Self::Ask),
        }
    }

    fn call(&self) -> Option<AskError> {
        match self {
            Self::Ask(error) => Some(*error),
            _ => None,
        }
    }
}

fn read_kind(kind: ErrorKind) -> Option<Error> {
    match kind {
        ErrorKind::Unspecified => None,
        ErrorKind::EmailTaken => Some(Error::EmailTaken),
        ErrorKind::BadCredentials => Some(Error::BadCredentials),
        ErrorKind::WrongPassword => Some(Error::WrongPassword),
        ErrorKind::PasswordRequired => Some(Error::PasswordRequired),
        ErrorKind::Unknown => Some(Error::Unknown),
        ErrorKind::Conflict => Some(Error::Conflict),
        ErrorKind::KeyReused => Some(Error::KeyReused),
        ErrorKind::KeyInProgress => Some(Error::KeyInProgress),
        ErrorKind::HashingOverloaded => Some(Error::HashingOverloaded),
        ErrorKind::Hashing => Some(Error::Hashing),
    }
}

fn write_weak(field: &str, rule: &Invalid) -> wire::WeakPassword {
    wire::WeakPassword { field: field.to_owned(), code: rule.code.to_owned(), detail: rule.detail.clone().into_owned() }
}

fn read_weak(weak: wire::WeakPassword) -> Option<Error> {
    let field = FIELDS.into_iter().find(|field| *field == weak.field)?;
    let code = RULES.into_iter().find(|rule| *rule == weak.code).unwrap_or(NEW_RULE);
    Some(Error::WeakPassword { field, rule: Invalid::new(code, weak.detail) })
}
