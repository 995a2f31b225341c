//! What a command says: its result on standard output, everything else on standard error.
//!
//! Invariant: a reader that went away, such as `head` which has seen enough, is no error and ends nothing in a panic.

use std::io::{self, Write as _, stderr, stdout};

/// Prints a result.
///
/// # Errors
/// The system's: standard output cannot be written, for another reason than that nobody reads it any more.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Tells the operator something, if anybody reads it.
pub(crate) fn tell(text: &str) {
    let _nobody_reads = writeln!(stderr().lock(), "{text}");
}
