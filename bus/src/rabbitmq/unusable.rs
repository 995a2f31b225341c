//! Why a server cannot be used, told in one line, and whether that may mend by itself.

use std::io;

use lapin::{
    Error, ErrorKind,
    protocol::{AMQPError, AMQPErrorKind, AMQPHardError, AMQPSoftError},
};

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Unusable {
    /// The setting that is to blame: `url`, `tls`, `tls.ca_file` or `prefix`.
    pub key: &'static str,
    /// What is wrong, in one line.
    pub detail: String,
    /// Whether it may mend by itself.
    pub passes: bool,
}

impl Unusable {
    /// It stays so until somebody changes something.
    pub(super) fn for_good(key: &'static str, detail: impl Into<String>) -> Self {
        Self { key, detail: detail.into(), passes: false }
    }

    pub(super) fn for_now(detail: impl Into<String>) -> Self {
        Self { key: "url", detail: detail.into(), passes: true }
    }

    fn refused(error: &AMQPError) -> Self {
        let detail = format!("the server refuses: {}", error.get_message());
        match error.kind() {
            // Somebody else's queue has the name, or a Portico of another version made it.
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Self::for_good("prefix", detail),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
            | AMQPErrorKind::Hard(
                AMQPHardError::NOTALLOWED | AMQPHardError::NOTIMPLEMENTED | AMQPHardError::COMMANDINVALID,
            ) => Self::for_good("url", detail),
            // Starting, stopping, out of resources, or a queue whose own node is away.
            AMQPErrorKind::Soft(_) | AMQPErrorKind::Hard(_) => Self::for_now(detail),
        }
    }
}

impl From<Error> for Unusable {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(refused) => Self::refused(refused),
            // So the client hands on what TLS found.
            ErrorKind::IOError(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::for_good("tls", format!("the server is not trusted: {error}"))
            }
            ErrorKind::IOError(error) => Self::for_now(format!("the server cannot be reached: {error}")),
            _ => Self::for_now(format!("the server cannot be used: {error}")),
        }
    }
}
