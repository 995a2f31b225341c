//! The photo domain's errors.

use portico_kernel::AskError;
use portico_photo::Error;
use serde::de::Error as _;

use crate::grpc::{
    proto::photo::v1::{self as wire, ErrorKind, error::Reason},
    wire::{
        DomainError, causes,
        fault::{read_call, read_store, write_call, write_store},
    },
};

impl DomainError for Error {
    type Wire = wire::Error;
    const TYPE_URL: &'static str = "type.googleapis.com/portico.photo.v1.Error";

    fn write(&self) -> Self::Wire {
        let kind = |kind: ErrorKind| Reason::Kind(kind.into());
        let reason = match self {
            Self::Unknown => kind(ErrorKind::Unknown),
            Self::TooLarge { max_bytes } => Reason::TooLargeMaxBytes(*max_bytes),
            Self::UnsupportedType => kind(ErrorKind::UnsupportedType),
            Self::TooManyPixels { max } => Reason::TooManyPixelsMax(*max),
            Self::BadImage => kind(ErrorKind::BadImage),
            Self::Aborted => kind(ErrorKind::Aborted),
            Self::QuotaReached { max } => Reason::QuotaReachedMax(*max),
            Self::OwnerDeleted => kind(ErrorKind::OwnerDeleted),
            Self::KeyReused => kind(ErrorKind::KeyReused),
            Self::KeyInProgress => kind(ErrorKind::KeyInProgress),
            Self::Overloaded => kind(ErrorKind::Overloaded),
            Self::Processing => kind(ErrorKind::Processing),
            Self::OnePlace => kind(ErrorKind::OnePlace),
            Self::BadEvent(error) => Reason::BadEvent(causes::write(error)),
            Self::Store(error) => Reason::Store(write_store(error)),
            Self::Ask(error) => Reason::Call(write_call(*error).into()),
        };
        wire::Error { reason: Some(reason) }
    }

    fn read(wire: Self::Wire) -> Option<Self> {
        match wire.reason? {
            Reason::Kind(kind) => read_kind(ErrorKind::try_from(kind).ok()?),
            Reason::TooLargeMaxBytes(max_bytes) => Some(Self::TooLarge { max_bytes }),
            Reason::TooManyPixelsMax(max) => Some(Self::TooManyPixels { max }),
            Reason::QuotaReachedMax(max) => Some(Self::QuotaReached { max }),
            Reason::BadEvent(causes) => Some(Self::BadEvent(serde_json::Error::custom(causes::read(causes)))),
            Reason::Store(failure) => read_store(failure).map(Self::Store),
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
        ErrorKind::Unknown => Some(Error::Unknown),
        ErrorKind::UnsupportedType => Some(Error::UnsupportedType),
        ErrorKind::BadImage => Some(Error::BadImage),
        ErrorKind::Aborted => Some(Error::Aborted),
        ErrorKind::OwnerDeleted => Some(Error::OwnerDeleted),
        ErrorKind::KeyReused => Some(Error::KeyReused),
        ErrorKind::KeyInProgress => Some(Error::KeyInProgress),
        ErrorKind::Overloaded => Some(Error::Overloaded),
        ErrorKind::Processing => Some(Error::Processing),
        ErrorKind::OnePlace => Some(Error::OnePlace),
    }
}
