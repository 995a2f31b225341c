//! The port behind which accounts are kept.

use async_trait::async_trait;
use portico_kernel::{Event, Idempotency, IdempotencyKey, StoreError, UserId};
use time::OffsetDateTime;

use crate::{Account, Email, PasswordHash};

/// Keeps accounts, and beside them the outbox of the events that tell of their changes.
///
/// Invariant: a change and its event are committed in one transaction. An address names at most one account; the
/// store's unique index decides.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps a new account, its event and the request's idempotency key.
    async fn insert(
        &self,
        account: &Account,
        event: &Event,
        idempotency: Option<&Idempotency>,
    ) -> Result<Inserted, StoreError>;

    /// The account of an id.
    async fn find(&self, id: UserId) -> Result<Option<Account>, StoreError>;

    /// The account of an address.
    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError>;

    /// Replaces the account whose version is one less than `account`'s.
    async fn update(&self, account: &Account, event: &Event) -> Result<Changed, StoreError>;

    /// Replaces the hash of the same password by a better one, if the stored hash is still `old`. It is no change of
    /// the account: no version, no event.
    async fn rehash(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<(), StoreError>;

    /// Deletes the account if its version is still one less than `account`'s, with its idempotency keys.
    async fn delete(&self, account: &Account, event: &Event) -> Result<Changed, StoreError>;

    /// The registration that was made under a key since `since`.
    async fn recall(&self, key: &IdempotencyKey, since: OffsetDateTime) -> Result<Option<Remembered>, StoreError>;

    /// Keeps many accounts with their events, each on its own: one that is taken does not fail its neighbours.
    async fn import(&self, accounts: &[(Account, Event)]) -> Result<Vec<Inserted>, StoreError>;

    /// Forgets idempotency keys from before `before`; answers how many.
    async fn purge(&self, before: OffsetDateTime) -> Result<u64, StoreError>;

    /// Proves that the store can be read and written: what readiness asks.
    async fn check(&self) -> Result<(), StoreError>;
}

/// What became of an account that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept.
    Kept,
    /// Another account has its address.
    EmailTaken,
    /// The idempotency key is remembered already: recall it.
    KeyKnown,
}

/// What became of an account that was to be changed or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is.
    Done,
    /// Its version is another by now, or it is gone.
    Stale,
    /// Another account has its address.
    EmailTaken,
}

/// A registration that was made under an idempotency key.
#[derive(Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The account that it opened.
    pub user: UserId,
    /// The fingerprint of its body.
    pub fingerprint: [u8; 32],
}
