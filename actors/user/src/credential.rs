//! Passwords, and the hashes that are kept of them.
//!
//! Invariant: neither prints, and a password is wiped from memory when it is dropped.

use std::fmt;

use argon2::password_hash::phc;
use portico_kernel::Invalid;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password as it was typed, normalised to NFKC (NIST SP 800-63B-4, section 3.1.1.2).
///
/// Any password that could ever have been accepted can be presented; whether it may be newly chosen is the
/// [`PasswordPolicy`](crate::PasswordPolicy)'s to say.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password {
    normalised: String,
    typed: String,
}

impl Password {
    /// The longest password, in characters after normalisation.
    pub const MAX_LENGTH: usize = 128;

    /// Normalises a password that is presented.
    ///
    /// # Errors
    /// The client's: `empty` or `too_long`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // A bound before the work: NFKC expands a character to at most 18.
        if text.len() > Self::MAX_LENGTH * 4 * 18 {
            return Err(Self::too_long());
        }
        // Room for the usual case at once, so that growing leaves no copy behind that is not wiped.
        let mut normalised = String::with_capacity(text.len() * 2);
        normalised.extend(text.nfkc());
        let password = Self { normalised, typed: text.to_owned() };
        match password.length() {
            0 => Err(Invalid::new("empty", "must not be empty")),
            length if length > Self::MAX_LENGTH => Err(Self::too_long()),
            _ => Ok(password),
        }
    }

    fn too_long() -> Invalid {
        Invalid::new("too_long", "must be at most 128 characters long")
    }

    /// How many characters (Unicode code points) it has.
    pub fn length(&self) -> usize {
        self.normalised.chars().count()
    }

    /// The password itself, for hashing only.
    pub fn expose(&self) -> &str {
        &self.normalised
    }

    /// The password before it was normalised, for hashes that were made of it so by another system.
    pub(crate) fn as_typed(&self) -> &str {
        &self.typed
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// A password's hash in the PHC string format (argon2id) or in bcrypt's modular crypt format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The most memory that a foreign argon2id hash may ask for, in KiB: 1 GiB.
    const FOREIGN_MEMORY_MAX_KIB: u32 = 1024 * 1024;
    /// The most passes or lanes that a foreign argon2id hash may ask for.
    const FOREIGN_PASSES_MAX: u32 = 16;
    /// The highest cost (log2 of rounds) that a foreign bcrypt hash may ask for.
    const FOREIGN_COST_MAX: u32 = 16;

    /// Checks a hash that another system made: bcrypt (`$2a$`, `$2b$`, `$2y$`) or argon2id, of a cost that one sign-in
    /// may be allowed to burn.
    ///
    /// # Errors
    /// The client's: `unsupported_hash`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if Self::is_foreign_argon2id(&text) || Self::is_foreign_bcrypt(&text) {
            Ok(Self(text))
        } else {
            Err(Invalid::new("unsupported_hash", "must be a bcrypt or argon2id hash of a reasonable cost"))
        }
    }

    fn is_foreign_argon2id(text: &str) -> bool {
        let Ok(hash) = phc::PasswordHash::new(text) else { return false };
        let Ok(params) = argon2::Params::try_from(&hash) else { return false };
        hash.algorithm == argon2::ARGON2ID_IDENT
            && hash.salt.is_some()
            && hash.hash.is_some()
            && params.m_cost() <= Self::FOREIGN_MEMORY_MAX_KIB
            && params.t_cost() <= Self::FOREIGN_PASSES_MAX
            && params.p_cost() <= Self::FOREIGN_PASSES_MAX
    }

    fn is_foreign_bcrypt(text: &str) -> bool {
        let is_kind = ["$2a$", "$2b$", "$2y$"].iter().any(|kind| text.starts_with(kind));
        is_kind
            && text.len() == 60
            && text
                .parse::<bcrypt::HashParts>()
                .is_ok_and(|parts| (4..=Self::FOREIGN_COST_MAX).contains(&parts.get_cost()))
    }

    /// A hash from the store, or one that was just made.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The hash as text, for the store and for verification only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_other_systems_are_taken_over() {
        for text in [
            "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
        ] {
            assert!(PasswordHash::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_or_would_cost_too_much_is_refused() {
        for text in [
            "",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "$1$saltsalt$hash",
            "$2y$31$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe",
            "$2y$05$tooshort",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
            "$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
            "$argon2id$v=19$m=19456,t=900,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l",
        ] {
            assert_eq!(PasswordHash::parse(text).unwrap_err().code, "unsupported_hash", "{text}");
        }
    }
}
