//! The port behind which photos' rows are kept, with their owners and the list of content to delete.

use async_trait::async_trait;
use portico_kernel::{Idempotency, IdempotencyKey, StoreError, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Page, Photo, PhotoId, Summary};

/// Keeps photos' rows.
///
/// Invariant: content that may exist has a row in `photos` or an entry in the work list, whatever crashes when. Both at once
/// have only photos whose content is copied to another place. A deleted owner stays deleted (tombstone), however late an
/// upload or an event comes.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Writes down, before any content is kept, that the content of `photo` is to be deleted at `due` unless
    /// [`Self::insert`] takes it over. Refuses an owner that is deleted or has `quota` photos.
    async fn reserve(
        &self,
        owner: UserId,
        photo: PhotoId,
        due: OffsetDateTime,
        quota: u32,
    ) -> Result<Reserved, StoreError>;

    /// Keeps a photo whose content is durable, takes its reservation off the work list and remembers the idempotency
    /// key, in one transaction; makes the owner if the event of its registration has not come yet. A key that is older
    /// than [`IDEMPOTENCY_KEPT`](portico_kernel::IDEMPOTENCY_KEPT) when the photo is created is free. A reservation that
    /// was put off is not to be had any more: that is an error, `Unavailable`.
    async fn insert(
        &self,
        photo: &Photo,
        idempotency: Option<&Idempotency>,
        quota: u32,
    ) -> Result<Inserted, StoreError>;

    /// A photo of an owner.
    async fn find(&self, owner: UserId, photo: PhotoId) -> Result<Option<Photo>, StoreError>;

    /// At most `limit` photos of an owner, latest first, those after `after`.
    async fn list(&self, owner: UserId, after: Option<PhotoId>, limit: u32) -> Result<Page, StoreError>;

    /// How many photos an owner has, and the `latest` latest.
    async fn summary(&self, owner: UserId, latest: u32) -> Result<Summary, StoreError>;

    /// At most `limit` photos of all owners, by owner and id, those after `after`.
    async fn all(&self, after: Option<(UserId, PhotoId)>, limit: u32) -> Result<Vec<Photo>, StoreError>;

    /// How many photos there are.
    async fn count(&self) -> Result<u64, StoreError>;

    /// Writes down, before the content of a photo is copied, that what is copied is to be deleted at `due` if the photo is
    /// gone by then. False when it is gone already.
    async fn begin_copy(&self, owner: UserId, photo: PhotoId, due: OffsetDateTime) -> Result<bool, StoreError>;

    /// Takes that off the work list once the copy has ended. False when the photo is gone: then its content is due `now`.
    async fn end_copy(&self, owner: UserId, photo: PhotoId, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Deletes a photo's row and puts its content on the work list, in one transaction; false when there is none. Content
    /// that is being copied is there already, and stays until the copy must have ended.
    async fn delete(&self, owner: UserId, photo: PhotoId, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Applies what a user event says of an owner, once per event id (inbox) and by version: an older one changes
    /// nothing. A deletion leaves a tombstone, cascades to the rows and puts all their content on the work list, due
    /// `now`, in one transaction.
    async fn apply(&self, event: Uuid, owner: OwnerChange, now: OffsetDateTime) -> Result<(), StoreError>;

    /// At most `limit` entries of the work list that are due, oldest first.
    async fn due(&self, now: OffsetDateTime, limit: u32) -> Result<Vec<ContentWork>, StoreError>;

    /// Takes an entry off the work list: its content is gone.
    async fn done(&self, photo: PhotoId) -> Result<(), StoreError>;

    /// Puts an entry off until `due` and counts the attempt: from now on no [`Self::insert`] takes it over. False when
    /// there is none any more; one whose photo has a row is of a copy that did not come to its end, and leaves the list.
    async fn postpone(&self, photo: PhotoId, due: OffsetDateTime) -> Result<bool, StoreError>;

    /// The upload that an owner made under a key since `since`.
    async fn recall(
        &self,
        owner: UserId,
        key: &IdempotencyKey,
        since: OffsetDateTime,
    ) -> Result<Option<Remembered>, StoreError>;

    /// Forgets idempotency keys and inbox entries from before their time; answers how many.
    async fn purge(&self, keys_before: OffsetDateTime, inbox_before: OffsetDateTime) -> Result<u64, StoreError>;

    /// Takes the turn to work on the list, or keeps it, for some seconds; false while another process has it. Nobody else works
    /// on the list of a store that no other process shares.
    async fn take_turn(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Gives the turn to whoever asks next.
    async fn end_turn(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// How many entries the work list has.
    async fn backlog(&self) -> Result<u64, StoreError>;

    /// Proves that the store can be read and written: what readiness asks.
    async fn check(&self) -> Result<(), StoreError>;
}

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// It is on the work list.
    Granted,
    /// The owner's account is deleted.
    OwnerDeleted,
    /// The owner has as many photos as allowed.
    QuotaReached,
}

/// What became of a photo that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept.
    Kept,
    /// The owner's account is deleted; the reservation stays, so that the content goes.
    OwnerDeleted,
    /// The owner has as many photos as allowed; the reservation stays.
    QuotaReached,
    /// The idempotency key is remembered already; the reservation stays: recall the key.
    KeyKnown,
}

/// What a user event says of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerChange {
    /// Whom it is about.
    pub owner: UserId,
    /// The user's version after the change.
    pub version: i64,
    /// Whether the account was deleted.
    pub deleted: bool,
}

/// Content that is to be deleted: both renditions of a photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentWork {
    /// Whose it was.
    pub owner: UserId,
    /// Which photo's.
    pub photo: PhotoId,
    /// How often its deletion failed.
    pub attempts: u32,
}

/// An upload that was made under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The photo that it made.
    pub photo: PhotoId,
    /// The fingerprint of the uploaded bytes.
    pub fingerprint: [u8; 32],
}
