//! Faults as statuses of gRPC, and back.
//!
//! Invariant: a domain's error comes out as the variant that went in. What a status says of whether the call ran is
//! believed of our own details alone; one without them may have run, unless it says that there is no such call.

use portico_kernel::{AskError, Blame, Client, Fault, FieldError, Server, StoreError};
use prost::Message as _;
use prost_types::Any;
use tonic::{Code, Status};

use super::{DomainError, causes};
use crate::grpc::proto::fault::v1 as wire;

const FAULT_URL: &str = "type.googleapis.com/portico.fault.v1.Fault";

/// `google.rpc.Status`, the content of `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// What a status says.
pub(in crate::grpc) enum Verdict<E> {
    /// The domain answered: with an error of its own.
    Domain(E),
    /// The callee did not answer.
    Call(AskError),
    /// What answered did not say what became of the call: it may have run.
    Unknown,
}

/// The status that says all of `error`.
pub(in crate::grpc) fn status<E: DomainError>(error: &E) -> Status {
    let ran = match error.call() {
        Some(call) if call.never_ran() => wire::Ran::No,
        Some(_) => wire::Ran::Unknown,
        None => wire::Ran::Yes,
    };
    let own = Any { type_url: E::TYPE_URL.to_owned(), value: error.write().encode_to_vec() };
    with_details(error.fault(), error.to_string(), &describe(error, ran), Some(own))
}

/// The status that says which field of the request could not be understood.
pub(in crate::grpc) fn malformed(field: FieldError) -> Status {
    let message = format!("{}: {field}", field.field, field = field.detail);
    let fault = wire::Fault {
        kind: wire::FaultKind::Client.into(),
        code: "malformed_request".to_owned(),
        ran: wire::Ran::No.into(),
        retry_after: None,
        fields: vec![violation(field)],
    };
    with_details(Fault::Client(Client::Malformed), message, &fault, None)
}

/// The status that says that the other node may not ask this.
pub(in crate::grpc) fn forbidden() -> Status {
    let fault = wire::Fault {
        kind: wire::FaultKind::Client.into(),
        code: "forbidden".to_owned(),
        ran: wire::Ran::No.into(),
        retry_after: None,
        fields: Vec::new(),
    };
    with_details(Fault::Client(Client::Forbidden), "no role of yours may ask this".to_owned(), &fault, None)
}

/// The status that says of a call that never ran why not, before it came to any domain.
pub(in crate::grpc) fn refused(error: AskError) -> Status {
    with_details(error.fault(), error.to_string(), &describe(&error, wire::Ran::No), None)
}

/// What `status` says to whoever asked a domain with errors `E`.
pub(in crate::grpc) fn judge<E: DomainError>(status: &Status) -> Verdict<E> {
    let details = RpcStatus::decode(status.details()).unwrap_or_default().details;
    let found = |url: &str| details.iter().find(|detail| detail.type_url == url).map(|detail| &*detail.value);
    let Some(fault) = found(FAULT_URL).and_then(|value| wire::Fault::decode(value).ok()) else {
        // A service, or a call, that the other side does not have: it is of another version, or of another role.
        let is_unknown = status.code() == Code::Unimplemented;
        return if is_unknown { Verdict::Call(AskError::Unavailable) } else { Verdict::Unknown };
    };
    let own = found(E::TYPE_URL).and_then(|value| E::Wire::decode(value).ok()).and_then(E::read);
    match own.map(|error| (error.call(), error)) {
        Some((Some(call), _)) => Verdict::Call(call),
        Some((None, error)) => Verdict::Domain(error),
        None if fault.ran() == wire::Ran::No && fault.code == AskError::Overloaded.code() => {
            Verdict::Call(AskError::Overloaded)
        }
        None => {
            let fields: Vec<_> = fault.fields.iter().map(|violation| violation.field.as_str()).collect();
            tracing::error!(
                code = fault.code,
                ?fields,
                "another node refused a call, or failed, in a way not known here"
            );
            let never_ran = fault.ran() == wire::Ran::No;
            Verdict::Call(if never_ran { AskError::Unavailable } else { AskError::Crashed })
        }
    }
}

fn describe(error: &impl Blame, ran: wire::Ran) -> wire::Fault {
    let kind = match error.fault() {
        Fault::Client(_) => wire::FaultKind::Client,
        Fault::Server(_) => wire::FaultKind::Server,
    };
    wire::Fault {
        kind: kind.into(),
        code: error.code().to_owned(),
        ran: ran.into(),
        retry_after: error.retry_after().and_then(|wait| wait.try_into().ok()),
        fields: error.fields().into_iter().map(violation).collect(),
    }
}

fn violation(field: FieldError) -> wire::FieldViolation {
    wire::FieldViolation {
        field: field.field.into_owned(),
        code: field.code.to_owned(),
        detail: field.detail.into_owned(),
    }
}

fn with_details(fault: Fault, message: String, details: &wire::Fault, own: Option<Any>) -> Status {
    let code = canonical(fault);
    let fault = Any { type_url: FAULT_URL.to_owned(), value: details.encode_to_vec() };
    let details = [Some(fault), own].into_iter().flatten().collect();
    let details = RpcStatus { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, details.encode_to_vec().into())
}

/// The canonical code (<https://grpc.io/docs/guides/status-codes/>) of a fault, as HTTP maps to them in `google.rpc.Code`.
fn canonical(fault: Fault) -> Code {
    match fault {
        Fault::Client(client) => match client {
            Client::Malformed | Client::Invalid | Client::TooLarge | Client::UnsupportedMedia => Code::InvalidArgument,
            Client::Unauthenticated => Code::Unauthenticated,
            Client::Forbidden => Code::PermissionDenied,
            Client::Unknown => Code::NotFound,
            Client::Conflict => Code::Aborted,
            Client::Precondition => Code::FailedPrecondition,
            Client::Range => Code::OutOfRange,
            Client::TooMany => Code::ResourceExhausted,
        },
        Fault::Server(server) => match server {
            Server::Broken => Code::Internal,
            Server::Unavailable => Code::Unavailable,
            Server::Overloaded | Server::Full => Code::ResourceExhausted,
            Server::Late => Code::DeadlineExceeded,
        },
    }
}

pub(super) fn write_call(error: AskError) -> wire::CallFailure {
    match error {
        AskError::Overloaded => wire::CallFailure::Overloaded,
        AskError::Draining => wire::CallFailure::Draining,
        AskError::Unavailable => wire::CallFailure::Unavailable,
        AskError::Crashed => wire::CallFailure::Crashed,
        AskError::Late => wire::CallFailure::Late,
    }
}

pub(super) fn read_call(failure: i32) -> Option<AskError> {
    match wire::CallFailure::try_from(failure).ok()? {
        wire::CallFailure::Unspecified => None,
        wire::CallFailure::Overloaded => Some(AskError::Overloaded),
        wire::CallFailure::Draining => Some(AskError::Draining),
        wire::CallFailure::Unavailable => Some(AskError::Unavailable),
        wire::CallFailure::Crashed => Some(AskError::Crashed),
        wire::CallFailure::Late => Some(AskError::Late),
    }
}

pub(super) fn write_store(error: &StoreError) -> wire::StoreFailure {
    let (kind, cause) = match error {
        StoreError::Unavailable(cause) => (wire::StoreFailureKind::Unavailable, cause),
        StoreError::Full(cause) => (wire::StoreFailureKind::Full, cause),
        StoreError::Uncertain(cause) => (wire::StoreFailureKind::Uncertain, cause),
        StoreError::Broken(cause) => (wire::StoreFailureKind::Broken, cause),
    };
    wire::StoreFailure { kind: kind.into(), causes: Some(causes::write(&**cause)) }
}

pub(super) fn read_store(failure: wire::StoreFailure) -> Option<StoreError> {
    let kind = failure.kind();
    let cause = causes::read(failure.causes.unwrap_or_default());
    match kind {
        wire::StoreFailureKind::Unspecified => None,
        wire::StoreFailureKind::Unavailable => Some(StoreError::Unavailable(cause)),
        wire::StoreFailureKind::Full => Some(StoreError::Full(cause)),
        wire::StoreFailureKind::Uncertain => Some(StoreError::Uncertain(cause)),
        wire::StoreFailureKind::Broken => Some(StoreError::Broken(cause)),
    }
}
