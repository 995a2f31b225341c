//! What a command says: its result on standard output, everything else on standard error.
//!
//! Invariant: a reader that went away, such as `head` which has seen enough, is no error and ends nothing in a panic.

use std::io::{self, Write as _, stderr, stdout};

use crate::exit::Failure;

/// Prints a result.
///
/// # Errors
/// The operator's: standard output cannot be written, for another reason than that nobody reads it any more.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| unwritten(&error)),
    }
}

/// What a result is that nobody got.
pub(crate) fn unwritten(error: &io::Error) -> Failure {
    Failure::io(format!("standard output cannot be written: {error}"))
}

/// Tells the operator something, if anybody reads it.
pub(crate) fn tell(text: &str) {
    let _nobody_reads = writeln!(stderr().lock(), "{text}");
}
