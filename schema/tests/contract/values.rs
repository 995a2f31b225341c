//! What is kept in these tests.

use std::sync::atomic::{AtomicU64, Ordering};

use portico_kernel::{Idempotency, IdempotencyKey, UserId};
use portico_photo::{ContentType, OwnerChange, Photo, PhotoId};
use portico_session::{ClientInfo, Epoch, Session, SessionId, TokenHash};
use portico_user::{Account, Email, Name, OneTime, PasswordHash, User};
use time::{Duration, OffsetDateTime, macros::datetime};

/// A moment with every digit that must survive. It is one that no server's clock has come to, for those that delete what
/// ended by their own.
pub(crate) const NOW: OffsetDateTime = datetime!(2126-01-01 12:00:00.123_456_789 UTC);

/// An account under `email`.
pub(crate) fn account(email: &str) -> Account {
    let user = User {
        id: UserId::new(),
        name: Name::parse("Ann Łukasiewicz 🦊").unwrap(),
        email: Email::parse(email).unwrap(),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    };
    Account { user, password: PasswordHash::new("$argon2id$first"), one_time: None, epoch: 1 }
}

/// `account` after a change.
pub(crate) fn next(account: &Account) -> Account {
    let mut next = account.clone();
    next.user.version += 1;
    next.user.updated_at += Duration::SECOND;
    next
}

/// What of an account must read back: the password's hash shows in no `Debug`, so that it is compared in the open here.
pub(crate) fn content(account: &Account) -> (User, String, Option<OneTime>, Epoch) {
    (account.user.clone(), account.password.expose().to_owned(), account.one_time, account.epoch)
}

pub(crate) fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).unwrap()
}

pub(crate) fn idempotency(text: &str) -> Idempotency {
    Idempotency { key: key(text), fingerprint: [7; 32] }
}

/// A session of `user` under `epoch`, with what opens it. It was opened at `NOW` and ends an hour later.
pub(crate) fn session(user: UserId, epoch: Epoch) -> (Session, TokenHash) {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&OPENED.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let client =
        ClientInfo { user_agent: Some("curl/8 \"quoted\" Ł".into()), address: Some("2001:db8::1".parse().unwrap()) };
    let session = Session {
        id: SessionId::new(),
        user,
        epoch,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + Duration::HOUR,
        client,
    };
    (session, TokenHash(hash))
}

/// A photo of `owner`, later than those before it.
pub(crate) fn photo(owner: UserId) -> Photo {
    Photo {
        id: PhotoId::new(),
        owner,
        content_type: ContentType::Webp,
        size_bytes: 5_000_000_000,
        width: 6_000,
        height: 4_000,
        sha256: [1; 32],
        thumb_type: ContentType::Jpeg,
        thumb_size_bytes: 9_000,
        thumb_sha256: [2; 32],
        created_at: NOW,
    }
}

pub(crate) fn change(owner: UserId, version: i64, deleted: bool) -> OwnerChange {
    OwnerChange { owner, version, deleted }
}
