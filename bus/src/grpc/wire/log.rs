//! The log domain: its service, and how records and errors travel.

use portico_kernel::{AskError, FieldError, Invalid};
use portico_log::{Append, Error, Filter, Record, Service, Severity, TAIL_LAST_MAX, Tail};

use super::{
    Domain, DomainError, Form, Streamed, empty,
    fault::{read_call, read_store, write_call, write_store},
    parts::{read_time, write_time},
    rpcs,
};
use crate::grpc::proto::log::v1::{
    self as wire, AppendRequest, AppendResponse, ErrorKind, TailRequest, TailResponse, error::Reason,
};

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

impl Streamed for Tail {
    type Domain = Logs;
    type Part = TailResponse;
    const PATH: &'static str = concat!("/", service!(), "/Tail");
}

impl Form for Tail {
    type Wire = TailRequest;

    fn write(self) -> Self::Wire {
        let Self { filter, last, follow } = self;
        TailRequest {
            services: filter.services.iter().map(ToString::to_string).collect(),
            severity_number: filter.severity.map(|severity| severity.number().into()),
            trace_id: filter.trace_id,
            since: filter.since.map(write_time),
            until: filter.until.map(write_time),
            last,
            follow,
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        if wire.last.is_some_and(|last| last > TAIL_LAST_MAX) {
            return Err(Invalid::new("too_large", "must be at most 10,000").of("last"));
        }
        let time = |timestamp: Option<_>, field| timestamp.map(|time| read_time(Some(time), field)).transpose();
        let filter = Filter {
            services: wire.services.iter().map(|name| service(name)).collect::<Result<_, _>>()?,
            severity: wire.severity_number.map(severity).transpose()?,
            trace_id: wire.trace_id,
            since: time(wire.since, "since")?,
            until: time(wire.until, "until")?,
        };
        Ok(Self { filter, last: wire.last, follow: wire.follow })
    }
}

fn service(name: &str) -> Result<Service, FieldError> {
    let malformed = |_| Invalid::new("malformed", "must be 1 to 32 of a-z, 0-9 and _").of("services");
    Service::parse(name).map_err(malformed)
}

fn severity(number: u32) -> Result<Severity, FieldError> {
    let all = [Severity::Trace, Severity::Debug, Severity::Info, Severity::Warn, Severity::Error];
    let known = all.into_iter().find(|severity| u32::from(severity.number()) == number);
    known.ok_or_else(|| Invalid::new("malformed", "must be 1, 5, 9, 13 or 17").of("severity_number"))
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
