//! A user and the values a user consists of.
//!
//! Invariant: a [`Name`] or an [`Email`] that exists is valid.

use std::fmt;

use portico_kernel::{Invalid, UserId};
use portico_session::{Epoch, Opened};
use time::{Duration, OffsetDateTime};
use unicode_normalization::UnicodeNormalization as _;

use crate::PasswordHash;

/// What people call a user: 1 to 64 characters after trimming, NFC, without control or bidi-override characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The longest name, in characters.
    pub const MAX_LENGTH: usize = 64;

    /// Trims and checks a name.
    ///
    /// # Errors
    /// The client's: `empty`, `too_long` or `forbidden_character`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name: String = text.trim().nfc().collect();
        let length = name.chars().count();
        if length == 0 {
            Err(Invalid::new("empty", "must not be empty"))
        } else if length > Self::MAX_LENGTH {
            Err(Invalid::new("too_long", "must be at most 64 characters long"))
        } else if name.chars().any(is_unprintable) {
            Err(Invalid::new("forbidden_character", "must not contain control or text-direction characters"))
        } else {
            Ok(Self(name))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that would let a name disguise itself where it is shown: controls, line separators, bidi overrides and
/// isolates (Unicode Technical Report 36), zero-width and byte-order marks.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// A valid e-mail address by the WHATWG rule (HTML, "valid e-mail address"), at most 254 characters (RFC 5321).
/// It is shown as it was written and compared without regard to case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The longest address, in characters (RFC 5321, errata 1690).
    pub const MAX_LENGTH: usize = 254;

    /// Checks an address.
    ///
    /// # Errors
    /// The client's: `too_long` or `malformed`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.len() > Self::MAX_LENGTH {
            return Err(Invalid::new("too_long", "must be at most 254 characters long"));
        }
        let malformed = || Invalid::new("malformed", "must be an e-mail address");
        let (local, domain) = text.rsplit_once('@').ok_or_else(malformed)?;
        let local_is_valid = !local.is_empty() && local.bytes().all(is_local);
        if local_is_valid && domain.split('.').all(is_label) { Ok(Self(text.to_owned())) } else { Err(malformed()) }
    }

    /// The address as its owner wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as it is compared: in lower case (an address is ASCII by the WHATWG rule).
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Debug for Email {
    /// Personal data stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(redacted)")
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}

/// A user as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names the user for ever.
    pub id: UserId,
    /// What people call the user.
    pub name: Name,
    /// Where the user signs in from; only ever shown to the user.
    pub email: Email,
    /// When the account was opened.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// Counts the changes, from 1: what caches and events are ordered by.
    pub version: i64,
}

/// A user with its credentials: what the store keeps. It never leaves the domain.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user.
    pub user: User,
    /// What the password is verified against.
    pub password: PasswordHash,
    /// What bounds the password while it is one that an operator gave; none for one that its owner chose.
    pub one_time: Option<OneTime>,
    /// Counts the changes of password or e-mail address, from 1: sessions of an older epoch are dead.
    pub epoch: Epoch,
}

/// What bounds a password that an operator gave: it signs in once, and not for long. Whoever signed in with it still proves
/// to be the owner by it, so that they can choose their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneTime {
    /// From when on it no longer signs in.
    pub expires_at: OffsetDateTime,
    /// When it signed in.
    pub used_at: Option<OffsetDateTime>,
}

impl OneTime {
    /// How long it may wait for its sign-in.
    pub const LIFETIME: Duration = Duration::hours(24);

    /// The bounds of a password that is given at `now`.
    pub fn given_at(now: OffsetDateTime) -> Self {
        Self { expires_at: now + Self::LIFETIME, used_at: None }
    }

    /// Whether it may sign in at `now`.
    pub fn signs_in(&self, now: OffsetDateTime) -> bool {
        self.used_at.is_none() && now < self.expires_at
    }
}

/// A user that just signed in, with the session that this opened.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The session and the only copy of its token.
    pub opened: Opened,
}
