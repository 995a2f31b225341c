//! Exit codes of sysexits.h, and how a failed command speaks to its operator.

use std::process::ExitCode;

/// A command failed: what to tell the operator, and the exit code (sysexits.h).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

/// `EX_USAGE`: the command was used wrongly.
pub(crate) const USAGE: u8 = 64;
/// `EX_DATAERR`: the input was read, but some of it was refused.
const DATA: u8 = 65;
/// `EX_NOINPUT`: an input does not exist or cannot be read.
const NO_INPUT: u8 = 66;
/// `EX_NOUSER`: the addressee is unknown.
const NO_USER: u8 = 67;
/// `EX_UNAVAILABLE`: something needed is away.
const UNAVAILABLE: u8 = 69;
/// `EX_SOFTWARE`: a bug.
const SOFTWARE: u8 = 70;
/// `EX_CANTCREAT`: the data directory cannot be made.
const CANNOT_CREATE: u8 = 73;
/// `EX_IOERR`: reading or writing failed.
const IO: u8 = 74;
/// `EX_TEMPFAIL`: try again later; another process holds the data directory.
const TEMPORARY: u8 = 75;
/// `EX_CONFIG`: the configuration is wrong.
const CONFIG: u8 = 78;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:ident),* $(,)?) => {
        impl Failure {
            $($(#[$doc])* pub(crate) fn $name(message: impl std::fmt::Display) -> Self {
                Self { code: $code, message: message.to_string() }
            })*
        }
    };
}

kinds! {
    /// The command was used wrongly.
    usage = USAGE,
    /// Some of the input was refused.
    data = DATA,
    /// An input cannot be read.
    no_input = NO_INPUT,
    /// The user is unknown.
    no_user = NO_USER,
    /// Something needed is away.
    unavailable = UNAVAILABLE,
    /// A bug, or a supervisor that gave up.
    software = SOFTWARE,
    /// The data directory cannot be made.
    cannot_create = CANNOT_CREATE,
    /// Reading or writing failed.
    io = IO,
    /// Another process holds the data directory.
    temporary = TEMPORARY,
    /// The configuration is wrong.
    config = CONFIG,
}

impl Failure {
    /// Tells the operator, and answers the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        self.tell();
        ExitCode::from(self.code)
    }

    /// Tells the operator, and nothing else comes of it.
    pub(crate) fn tell(&self) {
        crate::output::tell(&format!("portico: {}", self.message.trim_end()));
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::io(error)
    }
}

impl From<portico_config::Mistakes> for Failure {
    fn from(mistakes: portico_config::Mistakes) -> Self {
        Self::config(mistakes)
    }
}
