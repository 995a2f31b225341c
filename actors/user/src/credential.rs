//! Passwords, and the hashes that are kept of them.
//!
//! Invariant: neither prints, and a password is wiped from memory when it is dropped.

use std::fmt;

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

    /// The password before it was normalised, for hashes that were made of it so by another system, and for carrying it to
    /// another node, which parses it again.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// A password's hash in the PHC string format (argon2) or in bcrypt's modular crypt format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash from the store, or one that was just made; another system's goes through [`Self::import`].
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
