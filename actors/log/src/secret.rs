//! Which fields may never be written: the second line of defence.
//!
//! The first is that passwords and tokens live in types that cannot print. This list catches a plain string that somebody
//! logs under an honest name all the same; after OWASP's Logging Cheat Sheet, "Data to exclude".

/// What is written in place of a value that is not.
pub(crate) const REDACTED: &str = "[redacted]";

/// A field is secret when its name has one of these in it, whatever its case, and whatever of `.`, `-` and `_` it has
/// between its words: `password`, `new_password`, `http.request.header.set-cookie`, `accessToken`.
const NEEDLES: [&[u8]; 10] = [
    b"apikey",
    b"authorization",
    b"cookie",
    b"credential",
    b"passphrase",
    b"passwd",
    b"password",
    b"privatekey",
    b"secret",
    b"token",
];

/// Whether the value of a field with this name may not be written.
pub(crate) fn is_secret(name: &str) -> bool {
    (0..name.len()).any(|start| NEEDLES.iter().any(|needle| begins(&name.as_bytes()[start..], needle)))
}

/// Whether `name` begins with `needle`, case and separators aside.
fn begins(name: &[u8], needle: &[u8]) -> bool {
    let mut letters = name.iter().filter(|byte| !matches!(byte, b'.' | b'-' | b'_'));
    needle.iter().all(|expected| letters.next().is_some_and(|letter| letter.to_ascii_lowercase() == *expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "password",
            "new_password",
            "http.request.header.Set-Cookie",
            "accessToken",
            "X-API-Key",
            "Authorization",
            "client_secret",
            "privateKey",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn other_names_are_not_taken_for_secrets() {
        for name in ["", "user.id", "outcome", "photo.key", "pass", "error", "http.route", "to_ken"] {
            assert_eq!(is_secret(name), name == "to_ken", "{name}");
        }
    }
}
