//! The session domain's errors.

use portico_kernel::AskError;
use portico_session::Error;
use serde::de::Error as _;

use crate::grpc::{
    proto::session::v1::{self as wire, ErrorKind, error::Reason},
    wire::{
        DomainError, causes,
        fault::{read_call, read_store, write_call, write_store},
    },
};

impl DomainError for Error {
    type Wire = wire::Error;
    const TYPE_URL: &'static str = "type.googleapis.com/portico.session.v1.Error";

    fn write(&self) -> Self::Wire {
        let kind = |kind: ErrorKind| Reason::Kind(kind.into());
        let reason = match self {
            Self::Dead => kind(ErrorKind::Dead),
            Self::Unknown => kind(ErrorKind::Unknown),
            Self::Stale => kind(ErrorKind::Stale),
            Self::Full => kind(ErrorKind::Full),
            Self::BadEvent(error) => Reason::BadEvent(causes::write(error)),
            Self::Store(error) => Reason::Store(write_store(error)),
            Self::Ask(error) => Reason::Call(write_call(*error).into()),
        };
        wire::Error { reason: Some(reason) }
    }

    fn read(wire: Self::Wire) -> Option<Self> {
        match wire.reason? {
            Reason::Kind(kind) => match ErrorKind::try_from(kind).ok()? {
                ErrorKind::Unspecified => None,
                ErrorKind::Dead => Some(Self::Dead),
                ErrorKind::Unknown => Some(Self::Unknown),
                ErrorKind::Stale => Some(Self::Stale),
                ErrorKind::Full => Some(Self::Full),
            },
            Reason::BadEvent(causes) => Some(Self::BadEvent(serde_json::Error::custom(causes::read(causes)))),
            Reason::Store(failure) => read_store(failure).map(Self::Store),
            Reason::Call(failure) => read_call(failure).map(Self::Ask),
        }
    }

    fn call(&self) -> Option<AskError> {
        match self {
            Self::Ask(error) => Some(*error),
            Self::Dead | Self::Unknown | Self::Stale | Self::Full | Self::BadEvent(_) | Self::Store(_) => None,
        }
    }
}
