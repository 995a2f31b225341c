//! What can go wrong with Mega, in its own words: the number of an error and its name.
//!
//! Invariant: no address is told, since Mega's carry the session.

use std::{io, sync::Arc, time::Duration};

use portico_kernel::StoreError;

/// Why Mega did not do what it was asked for. Cheap to clone.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Error {
    /// An error of its API.
    #[error("Mega says {0} {name}", name = name(*.0))]
    Said(i64),
    /// An HTTP status.
    #[error("Mega answers HTTP {0}{meaning}", meaning = meaning(*.0))]
    Status(u16),
    /// No answer came.
    #[error("Mega cannot be reached")]
    Away(#[source] Arc<reqwest::Error>),
    /// No answer came in time.
    #[error("Mega was silent for {0:?}")]
    Silent(Duration),
    /// An answer broke off.
    #[error("Mega's answer ended too early")]
    Cut,
    /// An answer that makes no sense.
    #[error("Mega's answer cannot be understood: {0}")]
    Strange(&'static str),
    /// Content whose MAC is wrong.
    #[error("content is not what was put: its MAC differs")]
    Altered,
    /// An account that was made before 2018, and whose password was not changed since.
    #[error(
        "the account signs in the old way (version {0}): changing its password at Mega makes it sign in the new one"
    )]
    OldAccount(i64),
    /// The file that is to be put.
    #[error("file cannot be read")]
    File(#[source] Arc<io::Error>),
}

/// Mega's own names of the errors that its API has.
fn name(code: i64) -> &'static str {
    match code {
        -1 => "EINTERNAL (internal error)",
        -2 => "EARGS (invalid argument)",
        -3 => "EAGAIN (try again)",
        -4 => "ERATELIMIT (rate limit exceeded)",
        -5 => "EFAILED (failed for good)",
        -6 => "ETOOMANY (too many connections or transfers)",
        -7 => "ERANGE (out of range)",
        -8 => "EEXPIRED (expired)",
        -9 => "ENOENT (not found)",
        -11 => "EACCESS (access denied)",
        -13 => "EINCOMPLETE (incomplete)",
        -14 => "EKEY (invalid key)",
        -15 => "ESID (bad session)",
        -16 => "EBLOCKED (account blocked)",
        -17 => "EOVERQUOTA (over quota)",
        -18 => "ETEMPUNAVAIL (not available for now)",
        -19 => "ETOOMANYCONNECTIONS (too many connections)",
        -24 => "EGOINGOVERQUOTA (not enough quota)",
        -26 => "EMFAREQUIRED (a second factor is required)",
        -29 => "EPAYWALL (storage quota exceeded)",
        _ => "(an error without a name here)",
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        402 => " (proof of work asked for)",
        429 => " (too many requests)",
        500 => " (internal error)",
        503 => " (not available)",
        509 => " (bandwidth limit exceeded)",
        _ => "",
    }
}

impl Error {
    /// Whether the same may be answered otherwise in a moment.
    pub(super) const fn passes(&self) -> bool {
        match self {
            Self::Said(code) => matches!(*code, -1 | -3 | -4 | -6 | -18 | -19),
            Self::Status(status) => matches!(*status, 402 | 408 | 429 | 500..),
            Self::Away(_) | Self::Silent(_) | Self::Cut => true,
            Self::Strange(_) | Self::Altered | Self::OldAccount(_) | Self::File(_) => false,
        }
    }

    /// Whether the session is over.
    pub(super) const fn is_session_lost(&self) -> bool {
        matches!(self, Self::Said(-15))
    }

    /// Whether what was asked for is not there.
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Said(-9))
    }

    const fn is_full(&self) -> bool {
        matches!(self, Self::Said(-17 | -24 | -29))
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Away(Arc::new(error.without_url()))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            error if error.is_full() => Self::Full(error.clone().into()),
            Error::Altered => Self::Broken(error.into()),
            _ => Self::Unavailable(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_mega_said_by_number_and_name() {
        assert_eq!(Error::Said(-4).to_string(), "Mega says -4 ERATELIMIT (rate limit exceeded)");
        assert_eq!(Error::Status(509).to_string(), "Mega answers HTTP 509 (bandwidth limit exceeded)");
        assert_eq!(Error::Said(-99).to_string(), "Mega says -99 (an error without a name here)");
    }

    #[test]
    fn an_account_without_room_is_full() {
        assert!(matches!(StoreError::from(Error::Said(-17)), StoreError::Full(_)));
        assert!(matches!(StoreError::from(Error::Said(-4)), StoreError::Unavailable(_)));
    }
}
