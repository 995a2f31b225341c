//! Which fields may never be written: the second line of defence.
//!
//! The first is that passwords and tokens live in types that cannot print. This list catches a plain string that somebody
//! logs under an honest name all the same; after OWASP's Logging Cheat Sheet, "Data to exclude".

use std::cell::Cell;

/// What is written in place of a value that is not.
pub const REDACTED: &str = "[redacted]";

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

thread_local! {
    static VERDICTS: [Cell<Verdict>; 128] = const { [const { Cell::new(Verdict { address: 0, length: 0, secret: false }) }; 128] };
}

/// What is known of a name: a literal, which its place in memory tells from every other.
#[derive(Clone, Copy)]
struct Verdict {
    address: usize,
    length: usize,
    secret: bool,
}

/// Whether the value of a field with this name may not be written. It is asked of every field of every record, so that
/// each thread remembers the answers.
pub fn is_secret(name: &'static str) -> bool {
    let (address, length) = (name.as_ptr().addr(), name.len());
    let known = VERDICTS.try_with(|verdicts| {
        let verdict = &verdicts[(address ^ (address >> 7)) % verdicts.len()];
        if (verdict.get().address, verdict.get().length) != (address, length) {
            verdict.set(Verdict { address, length, secret: has_needle(name) });
        }
        verdict.get().secret
    });
    known.unwrap_or_else(|_at_thread_end| has_needle(name))
}

fn has_needle(name: &str) -> bool {
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
    fn a_name_is_judged_by_its_text_however_many_others_were_judged_before() {
        let names: Vec<&'static str> = (0..1_000).map(|n| &*format!("field{n}").leak()).collect();
        let secrets: Vec<&'static str> = (0..1_000).map(|n| &*format!("token{n}").leak()).collect();

        let judge = || names.iter().zip(&secrets).all(|(name, secret)| !is_secret(name) && is_secret(secret));

        assert!(judge() && judge());
        assert!(is_secret("password") && !is_secret(&"password"[..4]), "the same place, another length");
    }

    #[test]
    fn other_names_are_not_taken_for_secrets() {
        for name in ["", "user.id", "outcome", "photo.key", "pass", "error", "http.route", "to_ken"] {
            assert_eq!(is_secret(name), name == "to_ken", "{name}");
        }
    }
}
