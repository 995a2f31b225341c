//! Moves content from one place to the other, a few photos at a time.
//!
//! Invariant: a copy is written down for deletion before it is made, and taken off that list only while its photo's row is
//! there; so whatever fails, crashes or is deleted meanwhile, content without a row is deleted in both places in the end.
//! Content leaves its old place only when what was read back from the new one has the hash that its row tells.

use std::{fs::File, io::Write as _, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use portico_kernel::StoreError;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{
    Parts,
    staging::{Staged, blocking, create},
    sweep::Sweeper,
};
use crate::{Both, ByteStream, ContentKey, ContentStore, Error, Left, Move, Moved, Photo, PhotoId, Rendition};

/// Photos that one message moves: few, so that a node that stops is not held up.
const BATCH: u32 = 8;
/// Photos that are moved at the same time.
const CONCURRENT: usize = 4;
/// How long copying a photo's content may take.
const COPIED_WITHIN: Duration = Duration::from_mins(10);
/// When what was copied is deleted if its photo is gone: long after [`COPIED_WITHIN`], so that a sweep never meets a copy that
/// is still being made.
const PLANNED_FOR: Duration = Duration::from_hours(1);
/// Entries of the work list that are looked at after the last photo.
const WAITING_MAX: u32 = 1000;
/// When every entry of the work list is due.
const ALWAYS: OffsetDateTime = time::macros::datetime!(2200-01-01 0:00 UTC);

/// Moves the photos that follow.
pub(super) async fn run(parts: &Parts, sweeper: &Sweeper, command: Move) -> Result<Moved, Error> {
    let places = parts.places.as_ref().ok_or(Error::OnePlace)?;
    let photos = parts.store.all(command.after, BATCH).await?;
    let next = photos.last().map(|photo| (photo.owner, photo.id));
    let mover = Mover { parts, sweeper, places };
    let outcomes: Vec<_> =
        stream::iter(&photos).map(|photo| mover.outcome(photo)).buffer_unordered(CONCURRENT).collect().await;
    let mut answer = Moved { total: parts.store.count().await?, next, ..Moved::default() };
    for (photo, outcome) in outcomes {
        match outcome {
            Outcome::Moved => answer.moved += 1,
            Outcome::Present => answer.present += 1,
            Outcome::Gone => {}
            Outcome::Left(why) => answer.left.push((photo, why)),
        }
    }
    if next.is_none() {
        answer.waiting = mover.waiting().await?;
    }
    Ok(answer)
}

/// What became of a photo.
enum Outcome {
    Moved,
    Present,
    /// Deleted meanwhile.
    Gone,
    Left(Left),
}

/// What became of one of its renditions.
#[derive(PartialEq, Eq)]
enum Copied {
    Yes,
    /// It was there already.
    Needless,
    Not(Left),
}

struct Mover<'a> {
    parts: &'a Parts,
    sweeper: &'a Sweeper,
    places: &'a Both,
}

impl Mover<'_> {
    async fn outcome(&self, photo: &Photo) -> (PhotoId, Outcome) {
        let outcome = self.relocate(photo).await.unwrap_or_else(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, photo.id = %photo.id, "content is not moved");
            Outcome::Left(Left::Failed)
        });
        if let Outcome::Left(why) = &outcome {
            tracing::warn!(photo.id = %photo.id, user.id = %photo.owner, reason = ?why, "content stays where it is");
        }
        (photo.id, outcome)
    }

    /// Copies what has to be copied, and then deletes it where it was. When it fails its entry stays on the list until the
    /// copy must have ended: a put that was given up may come through yet.
    async fn relocate(&self, photo: &Photo) -> Result<Outcome, Error> {
        if !self.is_left(photo).await? {
            return self.settled(photo).await;
        }
        let (store, due) = (&self.parts.store, self.parts.clock.now() + PLANNED_FOR);
        if !store.begin_copy(photo.owner, photo.id, due).await? {
            return Ok(Outcome::Gone);
        }
        let late = |late| StoreError::Unavailable(Box::new(late));
        let copied = timeout(COPIED_WITHIN, self.copy(photo)).await.map_err(late)??;
        if !store.end_copy(photo.owner, photo.id, self.parts.clock.now()).await? {
            self.sweeper.wake();
            return Ok(Outcome::Gone);
        }
        if let Some(why) =
            copied.iter().find_map(|copied| if let Copied::Not(why) = copied { Some(*why) } else { None })
        {
            return Ok(Outcome::Left(why));
        }
        for rendition in Rendition::ALL {
            self.places.from.delete(photo.key(rendition)).await?;
        }
        let is_needless = copied.iter().all(|copied| *copied == Copied::Needless);
        Ok(if is_needless { Outcome::Present } else { Outcome::Moved })
    }

    /// A photo of which nothing is left in the old place.
    async fn settled(&self, photo: &Photo) -> Result<Outcome, Error> {
        for rendition in Rendition::ALL {
            if !has(&*self.places.to, photo.key(rendition)).await? {
                let is_there = self.parts.store.find(photo.owner, photo.id).await?.is_some();
                return Ok(if is_there { Outcome::Left(Left::Missing) } else { Outcome::Gone });
            }
        }
        Ok(Outcome::Present)
    }

    async fn is_left(&self, photo: &Photo) -> Result<bool, StoreError> {
        for rendition in Rendition::ALL {
            if has(&*self.places.from, photo.key(rendition)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn copy(&self, photo: &Photo) -> Result<[Copied; 2], Error> {
        let original = (photo.key(Rendition::Original), photo.size_bytes, photo.sha256);
        let thumb = (photo.key(Rendition::Thumb), photo.thumb_size_bytes, photo.thumb_sha256);
        Ok([self.copy_rendition(original).await?, self.copy_rendition(thumb).await?])
    }

    async fn copy_rendition(&self, (key, size, sha256): (ContentKey, u64, [u8; 32])) -> Result<Copied, Error> {
        let Both { to, from } = self.places;
        // What was put by a move that was broken off may not have been read back: that is made up for.
        if let Some(bytes) = to.open(key, 0..size).await?
            && hash(bytes).await.is_ok_and(|hash| hash == sha256)
        {
            return Ok(Copied::Needless);
        }
        let Some(bytes) = from.open(key, 0..size).await? else {
            return Ok(Copied::Not(Left::Missing));
        };
        let copy = self.stage(bytes).await?;
        if copy.hash.finalize()[..] != sha256 {
            return Ok(Copied::Not(Left::Altered));
        }
        to.put(key, copy.staged.path()).await?;
        let kept = to.open(key, 0..size).await?.ok_or_else(|| broken("content is not where it was put"))?;
        if hash(kept).await? == sha256 {
            Ok(Copied::Yes)
        } else {
            Err(broken("content is read as it was not put").into())
        }
    }

    /// Writes content into a staged file.
    async fn stage(&self, mut bytes: ByteStream) -> Result<Copy, Error> {
        let staged = self.parts.staging.file();
        let mut copy = blocking(move || Ok(Copy { file: create(staged.path())?, staged, hash: Sha256::new() })).await?;
        while let Some(chunk) = bytes.try_next().await? {
            copy = blocking(move || copy.take(&chunk)).await?;
        }
        Ok(copy)
    }

    /// Content in the old place that is on the work list: what was deleted, or broken off, and is not swept yet. A list that is
    /// too long to be looked at to its end counts as one more: nobody can tell that there is none.
    async fn waiting(&self) -> Result<u64, Error> {
        let list = self.parts.store.due(ALWAYS, WAITING_MAX).await?;
        let mut waiting = u64::from(list.len() as u64 >= u64::from(WAITING_MAX));
        for work in list {
            for rendition in Rendition::ALL {
                let key = ContentKey { owner: work.owner, photo: work.photo, rendition };
                waiting += u64::from(has(&*self.places.from, key).await?);
            }
        }
        Ok(waiting)
    }
}

/// A staged file that is being written. It blocks.
struct Copy {
    file: File,
    staged: Staged,
    hash: Sha256,
}

impl Copy {
    fn take(mut self, chunk: &[u8]) -> std::io::Result<Self> {
        self.file.write_all(chunk)?;
        self.hash.update(chunk);
        Ok(self)
    }
}

async fn has(place: &dyn ContentStore, key: ContentKey) -> Result<bool, StoreError> {
    Ok(place.open(key, 0..0).await?.is_some())
}

async fn hash(bytes: ByteStream) -> Result<[u8; 32], StoreError> {
    let add = async |hash: Sha256, chunk: Bytes| Ok(hash.chain_update(chunk));
    Ok(bytes.try_fold(Sha256::new(), add).await?.finalize().into())
}

fn broken(what: &'static str) -> StoreError {
    StoreError::Broken(what.into())
}
