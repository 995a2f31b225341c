//! The log domain: its service, and how records and errors travel.

use portico_kernel::{AskError, FieldError, Invalid};
use portico_log::{Append, Error, Record};

use super::{
    Domain, DomainError, Form, empty,
    fault::{read_call, read_store, write_call, write_store},
    rpcs,
};
use crate::grpc::proto::log::v1::{self as wire, AppendRequest, AppendResponse, ErrorKind, error::Reason};

/// The log domain.
pub enum Logs {}

macro_rules! service {
    () => {
        "portico.log.v1.Logs"
    };
}

impl Domain for Logs {
    const SERVICE: &'static str = service!();
    type Error = Error;
}

rpcs! {
    Logs:
    Append, "Append", (), AppendResponse;
}

empty! {
    AppendResponse
}

/// A record is its line, and is read as one of a file is.
impl Form for Append {
    type Wire = AppendRequest;

    fn write(self) -> Self::Wire {
        let line = |record: &Record| record.line().trim_ascii_end().to_vec();
        AppendRequest { lines: self.records.iter().map(line).collect() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let malformed = |_| Invalid::new("malformed", "must be log records").of("lines");
        let records = wire.lines.iter().map(|line| Record::parse(line)).collect::<Result<_, _>>();
        Ok(Self { records: records.map_err(malformed)? })
    }
}

impl DomainError for Error {
    type Wire = wire::Error;
    const TYPE_URL: &'static str = "type.googleapis.com/portico.log.v1.Error";

    fn write(&self) -> Self::Wire {
        let reason = match self {
            Self::TooMany => Reason::Kind(ErrorKind::TooMany.into()),
            Self::Closed => Reason::Kind(ErrorKind::Closed.into()),
            Self::Store(error) => Reason::Store(write_store(error)),
            Self::Ask(error) => Reason::Call(write_call(*error).into()),
        };
        wire::Error { reason: Some(reason) }
    }

    fn read(wire: Self::Wire) -> Option<Self> {
        match wire.reason? {
            Reason::Kind(kind) => match ErrorKind::try_from(kind).ok()? {
                ErrorKind::Unspecified => None,
                ErrorKind::TooMany => Some(Self::TooMany),
                ErrorKind::Closed => Some(Self::Closed),
            },
            Reason::Store(failure) => read_store(failure).map(Self::Store),
            Reason::Call(failure) => read_call(failure).map(Self::Ask),
        }
    }

    fn call(&self) -> Option<AskError> {
        match self {
            Self::Ask(error) => Some(*error),
            Self::TooMany | Self::Closed | Self::Store(_) => None,
        }
    }
}
