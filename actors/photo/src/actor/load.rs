//! Takes an upload in: receive, process, keep.
//!
//! Invariant: nothing is answered before bytes and row are durable, and a refused upload leaves nothing behind.

use std::{fs::File, io::BufReader, path::Path, sync::Arc, time::Duration};

use portico_kernel::{Deadline, IDEMPOTENCY_KEPT, Idempotency, StoreError, UserId};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::{
    Parts,
    staging::{self, Received, Staged, receive, unwritable},
    sweep::Sweeper,
};
use crate::{
    ContentType, Error, Inserted, Limits, Load, Photo, PhotoId, Rendition, Reserved,
    image::{self, Header},
};

/// When content that no row has taken over is deleted: long after [`KEPT_WITHIN`], so that a sweep never meets an upload
/// that is still being kept.
const RESERVED_FOR: Duration = Duration::from_hours(1);
/// How long keeping an upload's content may take.
const KEPT_WITHIN: Duration = Duration::from_mins(10);
/// How long a picture waits for memory and for its turn, unless the caller's deadline is sooner: half of what a request has by
/// default, so that it is refused in time to be sent again, or has the other half to be processed in.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Takes an upload in.
pub(super) async fn load(parts: Arc<Parts>, sweeper: Arc<Sweeper>, command: Load) -> Result<Photo, Error> {
    let Load { owner, upload, idempotency: key } = command;
    let _slot = parts.uploads.begin(owner, key.as_ref())?;
    let fingerprint = key.is_some().then(|| parts.fingerprints.begin());
    let received = receive(&parts.staging, upload, parts.limits.upload_max_bytes, fingerprint).await?;
    let idempotency = key.zip(received.fingerprint).map(|(key, fingerprint)| Idempotency { key, fingerprint });
    if let Some(idempotency) = &idempotency
        && let Some(photo) = recall(&parts, owner, idempotency).await?
    {
        return Ok(photo);
    }
    let prepared = prepare(&parts, received).await?;
    let photo = prepared.photo(owner, &parts);
    match parts.store.reserve(owner, photo.id, photo.created_at + RESERVED_FOR, quota(&parts)).await? {
        Reserved::Granted => {}
        Reserved::OwnerDeleted => return Err(Error::OwnerDeleted),
        Reserved::QuotaReached => return Err(Error::QuotaReached { max: quota(&parts) }),
    }
    match keep(&parts, &sweeper, &photo, &prepared, idempotency.as_ref()).await? {
        Inserted::Kept => Ok(photo),
        Inserted::OwnerDeleted => Err(Error::OwnerDeleted),
        Inserted::QuotaReached => Err(Error::QuotaReached { max: quota(&parts) }),
        // Another node took an upload in under the same key meanwhile.
        Inserted::KeyKnown => match &idempotency {
            Some(idempotency) => recall(&parts, owner, idempotency).await?.ok_or(Error::KeyInProgress),
            None => Err(Error::KeyInProgress),
        },
    }
}

/// The photo that an earlier upload under the same key made.
async fn recall(parts: &Parts, owner: UserId, idempotency: &Idempotency) -> Result<Option<Photo>, Error> {
    match parts.store.recall(owner, &idempotency.key, parts.clock.now() - IDEMPOTENCY_KEPT).await? {
        None => Ok(None),
        Some(known) if known.fingerprint != idempotency.fingerprint => Err(Error::KeyReused),
        // Deleted since: a repeat has no effect, and does not bring it back.
        Some(known) => parts.store.find(owner, known.photo).await?.ok_or(Error::Unknown).map(Some),
    }
}

/// A picture that is processed and staged.
struct Prepared {
    original: Staged,
    thumb: Staged,
    facts: Facts,
}

/// What is known of a picture once it is processed.
struct Facts {
    content_type: ContentType,
    width: u32,
    height: u32,
    size_bytes: u64,
    sha256: [u8; 32],
    thumb_type: ContentType,
    thumb_size_bytes: u64,
    thumb_sha256: [u8; 32],
}

impl Prepared {
    fn photo(&self, owner: UserId, parts: &Parts) -> Photo {
        let facts = &self.facts;
        Photo {
            id: PhotoId::new(),
            owner,
            content_type: facts.content_type,
            size_bytes: facts.size_bytes,
            width: facts.width,
            height: facts.height,
            sha256: facts.sha256,
            thumb_type: facts.thumb_type,
            thumb_size_bytes: facts.thumb_size_bytes,
            thumb_sha256: facts.thumb_sha256,
            created_at: parts.clock.now().truncate_to_microsecond(), // what every database keeps
        }
    }
}

/// Processes an upload in its turn, within the memory budget.
async fn prepare(parts: &Parts, received: Received) -> Result<Prepared, Error> {
    let (limits, size) = (parts.limits, received.size_bytes);
    let (header, upload) = header(received.file, limits).await?;
    let needed = header.memory_bytes(size);
    if needed > parts.budget.total_bytes() {
        return Err(Error::TooManyPixels { max: affordable(&header, needed, parts.budget.total_bytes()) });
    }
    let by = Deadline::within(TURN_WITHIN);
    let turn = parts.decoders.queue_up(header.pixels(), by)?;
    let memory = parts.budget.reserve(needed, by).await?;
    let (original, thumb) = (parts.staging.file(), parts.staging.file());
    // The work holds memory and files until it has ended, even if nobody waits for it any more: it writes the files late.
    let work = move || {
        let _memory = memory;
        let facts = process(upload.path(), &header, &limits, original.path(), thumb.path())?;
        Ok(Prepared { original, thumb, facts })
    };
    parts.decoders.run(turn, by, work).await?
}

/// How many pixels of the same kind of picture the whole budget would do for.
fn affordable(header: &Header, needed: u64, budget: u64) -> u64 {
    let scaled = u128::from(header.pixels()) * u128::from(budget) / u128::from(needed.max(1));
    u64::try_from(scaled).expect("it is less than the picture's pixels")
}

async fn header(file: Staged, limits: Limits) -> Result<(Header, Staged), Error> {
    let read = move || {
        let mut picture = BufReader::new(File::open(file.path()).map_err(unwritable)?);
        Ok((Header::read(&mut picture, &limits)?, file))
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| Error::Processing)?
}

/// Processes a staged upload into two staged files.
fn process(upload: &Path, header: &Header, limits: &Limits, original: &Path, thumb: &Path) -> Result<Facts, Error> {
    let upload = std::fs::read(upload).map_err(unwritable)?;
    let processed = image::process(&upload, header, limits)?;
    drop(upload);
    staging::write(original, &processed.original)?;
    staging::write(thumb, &processed.thumb)?;
    Ok(Facts {
        content_type: header.content_type,
        width: processed.width,
        height: processed.height,
        size_bytes: processed.original.len() as u64,
        sha256: Sha256::digest(&processed.original).into(),
        thumb_type: processed.thumb_type,
        thumb_size_bytes: processed.thumb.len() as u64,
        thumb_sha256: Sha256::digest(&processed.thumb).into(),
    })
}

/// Keeps content, then the row that takes its reservation over. Content that gets no row is deleted at once.
async fn keep(
    parts: &Parts,
    sweeper: &Sweeper,
    photo: &Photo,
    prepared: &Prepared,
    idempotency: Option<&Idempotency>,
) -> Result<Inserted, StoreError> {
    let puts = async {
        parts.content.put(photo.key(Rendition::Original), prepared.original.path()).await?;
        parts.content.put(photo.key(Rendition::Thumb), prepared.thumb.path()).await
    };
    let kept = match timeout(KEPT_WITHIN, puts).await {
        // It may come through yet: such content is deleted when its reservation ends.
        Err(late) => return Err(StoreError::Unavailable(Box::new(late))),
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) => {
            let _stale = parts.summaries.outdate(photo.owner);
            parts.store.insert(photo, idempotency, quota(parts)).await
        }
    };
    if !matches!(kept, Ok(Inserted::Kept)) {
        abandon(parts, sweeper, photo.id).await;
    }
    kept
}

/// Has the content of a refused upload deleted at once. A reservation that a row did take over is not on the list any
/// more, and stays untouched.
async fn abandon(parts: &Parts, sweeper: &Sweeper, photo: PhotoId) {
    if let Err(error) = parts.store.postpone(photo, parts.clock.now()).await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, photo.id = %photo, "refused content stays until its reservation ends");
    }
    sweeper.wake();
}

fn quota(parts: &Parts) -> u32 {
    parts.limits.photos_per_user_max
}
