//! A session and its token.
//!
//! Invariant: a token's text is known to its owner alone; here it lives in a type that cannot print and is wiped.

use std::{fmt, net::IpAddr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portico_kernel::{UserId, id};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};
use zeroize::{Zeroize, ZeroizeOnDrop};

id!(
    /// Names a session; safe to show, since it opens nothing.
    pub SessionId
);

/// How often a user's credentials changed. Sessions of an older epoch are dead.
pub type Epoch = i64;

/// The epoch that a deletion raises to: no session can be opened under it or before it.
pub const LAST_EPOCH: Epoch = Epoch::MAX;

/// 256 random bits that open a session (OWASP ASVS 5.0 V7.2.3).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; 32]);

/// A text that is not a token; it never names what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session token")]
pub struct NotAToken;

impl Token {
    /// A new token from the operating system's random source.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system has a random source");
        Self(bytes)
    }

    /// Reads the 43 characters of base64url that [`Self::expose`] wrote.
    ///
    /// # Errors
    /// The client's: anything else.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let mut bytes = [0; 32];
        // decode_slice wants room for the estimate, which rounds 43 characters up to 33 bytes.
        let mut room = [0; 33];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut room) {
            Ok(32) if text.len() == 43 => bytes.copy_from_slice(&room[..32]),
            _ => return Err(NotAToken),
        }
        room.zeroize();
        Ok(Self(bytes))
    }

    /// The token as text, for its owner only.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored in its place.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// SHA-256 of a token. A token has 256 bits of entropy, so that a plain hash suffices.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(redacted)")
    }
}

/// Where a session was opened from, for its owner to recognise it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// The `User-Agent` header, cut to [`ClientInfo::USER_AGENT_MAX`] characters.
    pub user_agent: Option<String>,
    /// The client's address, through trusted proxies only.
    pub address: Option<IpAddr>,
}

impl ClientInfo {
    /// The longest user agent that is kept, in characters.
    pub const USER_AGENT_MAX: usize = 256;
}

/// A session without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The credential epoch it was opened under.
    pub epoch: Epoch,
    /// When it was opened.
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_seen_at: OffsetDateTime,
    /// When it ends if it is not used again; never past its absolute lifetime.
    pub expires_at: OffsetDateTime,
    /// Where it was opened from.
    pub client: ClientInfo,
}

impl Session {
    /// Whether it may still be used at `now`.
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        now < self.expires_at
    }
}

/// A session that is live, as far as it matters to whoever serves its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
}

impl From<&Session> for Live {
    fn from(session: &Session) -> Self {
        Self { id: session.id, user: session.user }
    }
}

/// What bounds the sessions.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long they live.
    pub lifetimes: Lifetimes,
    /// The most of one user, at least 1: one more ends the one that was opened first.
    pub per_user_max: u32,
}

/// How long sessions live.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// A session that is not used for this long ends.
    pub idle: Duration,
    /// A session ends after this long, however often it is used.
    pub absolute: Duration,
}

impl Lifetimes {
    /// When a session that was opened at `created` and used at `seen` ends.
    pub fn expiry(&self, created: OffsetDateTime, seen: OffsetDateTime) -> OffsetDateTime {
        (seen + self.idle).min(created + self.absolute)
    }

    /// When the next use of a session that was used at `seen` must be written down: a minute later, or sooner where
    /// sessions idle so briefly that a minute would count.
    pub fn touch_due(&self, seen: OffsetDateTime) -> OffsetDateTime {
        seen + Duration::MINUTE.min(self.idle / 10)
    }
}

/// A session that was just opened, with the only copy of its token.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// What opens it.
    pub token: Token,
}
