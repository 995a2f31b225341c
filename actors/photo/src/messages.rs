//! The photo domain's whole contract.

use std::fmt;

use actix::Message;
use bytes::Bytes;
use portico_kernel::{Event, IdempotencyKey, UserId};
use tokio::sync::mpsc;

use crate::{ByteStream, Error, Page, Photo, PhotoId, Rendition, Summary};

/// Keeps a picture (`LoadPhoto`). It answers once bytes and row are durable.
#[derive(Debug, Message)]
#[rtype(result = "Result<Photo, Error>")]
pub struct Load {
    /// Whose photo, as the session vouches.
    pub owner: UserId,
    /// The picture's bytes, as they come in.
    pub upload: Upload,
    /// The request's idempotency key, if it has one.
    pub idempotency: Option<IdempotencyKey>,
}

/// An upload in progress. A bounded channel: whoever sends waits while the photo domain is busy.
pub struct Upload(pub mpsc::Receiver<Result<Bytes, UploadAborted>>);

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upload")
    }
}

/// The sender broke an upload off; what came before is thrown away. A channel that just closes is a whole upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("upload was broken off")]
pub struct UploadAborted;

/// Tells about one photo (`GetPhoto`).
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Photo, Error>")]
pub struct Get {
    /// Whose photo.
    pub owner: UserId,
    /// Which one.
    pub photo: PhotoId,
}

/// Lists photos, latest first (`GetPhotos`).
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Page, Error>")]
pub struct List {
    /// Whose photos.
    pub owner: UserId,
    /// Those after this one; from the latest if none.
    pub after: Option<PhotoId>,
    /// At most this many, 1 to 100.
    pub limit: u32,
}

impl List {
    /// The longest page.
    pub const LIMIT_MAX: u32 = 100;
}

/// Counts photos and tells the latest ten.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Summary, Error>")]
pub struct Summarize {
    /// Whose photos.
    pub owner: UserId,
}

impl Summarize {
    /// How many of the latest photos a summary holds.
    pub const LATEST: u32 = 10;
}

/// Streams a photo's bytes.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Content, Error>")]
pub struct Open {
    /// The photo, as [`Get`] answered it: its sizes and hashes hold for the bytes, which never change.
    pub photo: Photo,
    /// Which of its bytes.
    pub rendition: Rendition,
    /// First byte and the byte after the last; the whole content if none.
    pub range: Option<std::ops::Range<u64>>,
}

/// A photo's bytes on their way.
pub struct Content(pub ByteStream);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

/// Deletes a photo (`DeletePhoto`). When it answers the row is gone, and the deletion of the content is written down.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Delete {
    /// Whose photo.
    pub owner: UserId,
    /// Which one.
    pub photo: PhotoId,
}

/// Applies a user event (`user.registered`, `user.updated`, `user.deleted`), in whatever order and however often it
/// comes.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct ApplyUserEvent(pub Event);

/// Deletes content that is due on the work list; answers how many entries are left that are due.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<u64, Error>")]
pub struct Sweep;

/// Moves the content of a few photos from the place that is left to the one that new content goes to. Repeating it does no
/// harm: what is there already is looked at, and not copied again.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Moved, Error>")]
pub struct Move {
    /// Photos after this one, by owner and id; from the first if none.
    pub after: Option<(UserId, PhotoId)>,
}

/// What came of a [`Move`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// Photos whose content was copied, and what was read back has its hash.
    pub moved: u64,
    /// Photos whose content was there already.
    pub present: u64,
    /// Photos that stay where they are, and why.
    pub left: Vec<(PhotoId, Left)>,
    /// How many photos there are, all in all.
    pub total: u64,
    /// After which to go on; none when these were the last.
    pub next: Option<(UserId, PhotoId)>,
    /// After the last one: content in the place that is left that is still to be deleted.
    pub waiting: u64,
}

/// Why a photo's content was not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is in neither place.
    Missing,
    /// It has not the hash that it had when it was uploaded.
    Altered,
    /// It could not be read or written; the log says why.
    Failed,
}

portico_kernel::asks! {
    /// Whom people's requests, and events, are asked of. What an operator asks is asked on the node of the domain.
    pub struct Asks {
        load: Load,
        get: Get,
        list: List,
        summarize: Summarize,
        open: Open,
        delete: Delete,
        apply_user_event: ApplyUserEvent,
    }
}
