//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a repeated request has no second effect.

use std::fmt;

use crate::Invalid;

/// How long a key is remembered.
pub const IDEMPOTENCY_KEPT: std::time::Duration = std::time::Duration::from_hours(24);

/// A key that the client chose for one request: 1 to 128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// Checks a key.
    ///
    /// # Errors
    /// The client's: `malformed` for an empty or overlong key, or one with characters outside of visible ASCII.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=Self::MAX_LENGTH).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("malformed", "must be 1 to 128 visible ASCII characters"))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request's key with a fingerprint of its body, to tell a repeat from another request under the same key.
#[derive(Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The client's key.
    pub key: IdempotencyKey,
    /// An HMAC of the body's significant parts, never of a password.
    pub fingerprint: [u8; 32],
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency").field("key", &self.key).finish_non_exhaustive()
    }
}
