//! What an error means, told by the code that the server's errors begin with, never by the rest of their text.
//!
//! Invariant: of a change whose answer is lost nobody may know whether it was made, and that is said.

use fred::error::{Error, ErrorKind};
use portico_kernel::{Source, StoreError};

use super::Unopened;

/// Of something that was only read.
pub(super) fn unread(error: Error) -> StoreError {
    told(&error).unwrap_or(StoreError::Unavailable)(error.into())
}

/// Of a change that was sent.
pub(super) fn unconfirmed(error: Error) -> StoreError {
    told(&error).unwrap_or(StoreError::Uncertain)(error.into())
}

/// What the server itself told, which then changed nothing; none where it told nothing.
fn told(error: &Error) -> Option<fn(Source) -> StoreError> {
    Some(match code(error)? {
        "OOM" => StoreError::Full,
        // Not up yet; busy with a script; read only, as a replica is; unable to write its file; lacking its replicas.
        "LOADING" | "BUSY" | "READONLY" | "MASTERDOWN" | "MISCONF" | "NOREPLICAS" | "CLUSTERDOWN" | "TRYAGAIN" => {
            StoreError::Unavailable
        }
        _ => StoreError::Broken,
    })
}

/// What a connection that cannot be made means to whoever configured it.
pub(super) fn refused(error: &Error) -> Unopened {
    let details = error.details();
    match code(error) {
        Some("LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN") => {
            Unopened::for_now(format!("the server refuses: {details}"))
        }
        Some(_) if details.starts_with("ERR max number of clients") => {
            Unopened::for_now(format!("the server refuses: {details}"))
        }
        Some(_) => Unopened::for_good("url", format!("the server refuses: {details}")),
        None => match (of_tls(details), of_system(details)) {
            (Some(reason), _) => Unopened::for_good("ca_file", format!("the server is not trusted: {reason}")),
            (None, Some(error)) => Unopened::for_now(format!("the server cannot be reached: {error}")),
            (None, None) if *error.kind() == ErrorKind::Timeout => Unopened::for_now("the server does not answer"),
            (None, None) => Unopened::for_now(format!("the server cannot be reached: {details}")),
        },
    }
}

/// The code that the server's error begins with: a word in capitals. What the driver says by itself begins with none.
fn code(error: &Error) -> Option<&str> {
    let code = error.details().split(' ').next()?;
    (code.len() >= 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// What TLS found; the driver hands on an I/O error as its `Debug` shows it.
fn of_tls(details: &str) -> Option<&str> {
    details.strip_prefix("Custom { kind: InvalidData, error: ")?.strip_suffix(" }")
}

/// What the system said, in its own words.
fn of_system(details: &str) -> Option<std::io::Error> {
    let (code, _) = details.strip_prefix("Os { code: ")?.split_once(',')?;
    Some(std::io::Error::from_raw_os_error(code.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(details: &'static str) -> Error {
        Error::new(ErrorKind::Unknown, details)
    }

    #[test]
    fn what_the_server_told_is_no_doubt_about_a_change() {
        for (details, meant) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", "storage_full"),
            ("LOADING Redis is loading the dataset in memory", "unavailable"),
            ("MISCONF Errors writing to the AOF file: No space left on device", "unavailable"),
            ("READONLY You can't write against a read only replica.", "unavailable"),
            ("NOPERM this user has no permissions to run the 'eval' command", "internal"),
            ("ERR user_script:3: boom", "internal"),
        ] {
            use portico_kernel::Blame as _;
            let both = [unread(error(details)).code(), unconfirmed(error(details)).code()];
            assert_eq!(both, [meant; 2], "{details}");
        }
    }

    #[test]
    fn a_change_without_an_answer_may_have_been_made() {
        for details in
            ["Request timed out.", "Connection closed.", "Os { code: 32, kind: BrokenPipe, message: \"..\" }"]
        {
            assert!(matches!(unread(error(details)), StoreError::Unavailable(_)), "{details}");
            assert!(matches!(unconfirmed(error(details)), StoreError::Uncertain(_)), "{details}");
        }
    }

    #[test]
    fn a_refusal_says_whether_it_passes_and_whose_fault_it_is() {
        for (details, key, passes) in [
            ("LOADING Redis is loading the dataset in memory", "url", true),
            ("ERR max number of clients reached", "url", true),
            ("Os { code: 111, kind: ConnectionRefused, message: \"Connection refused\" }", "url", true),
            ("WRONGPASS invalid username-password pair or user is disabled.", "url", false),
            ("Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) }", "ca_file", false),
        ] {
            let refused = refused(&error(details));
            assert_eq!((refused.key, refused.passes), (key, passes), "{details}: {refused}");
        }
    }
}
