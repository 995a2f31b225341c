//! Where the bytes of photos are kept: in a local directory, or in S3-compatible storage (`objects`), through `OpenDAL`; or in
//! an account of Mega.nz (`mega`).
//!
//! Layout: `<last two digits of the owner's id>/<owner>/<photo>.orig` and `.thumb`. Ids begin with the time (UUID v7) and
//! end at random, so that the first level spreads owners evenly over 256 directories.
//!
//! Invariant: once [`put`](ContentStore::put) or [`delete`](ContentStore::delete) has answered, a power cut undoes nothing
//! of it. `OpenDAL` syncs a file before it renames it into place; the directories' entries are synced here (`local`). An object
//! store has made durable what it acknowledges.

mod local;
#[cfg(feature = "mega")]
mod mega;
#[cfg(feature = "s3")]
mod objects;
#[cfg(any(feature = "mega", feature = "s3"))]
mod silence;
#[cfg(any(feature = "mega", feature = "s3"))]
mod web;

use std::{io, ops::Range, path::Path};

use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use opendal::{Error, ErrorKind, Operator, Reader, Writer, services::Fs};
use portico_kernel::{Source, StoreError};
use portico_photo::{ByteStream, ContentKey, ContentStore, Rendition};
use tokio::{fs::File, io::AsyncReadExt as _};

use self::local::Directory;
#[cfg(feature = "mega")]
pub use self::mega::{ContentMega, MegaSettings};
#[cfg(feature = "s3")]
pub use self::objects::{ContentObjects, ObjectSettings};

/// Bytes that are written at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes that are read at a time: a client that takes a photo slowly holds a few times as much.
const READ_BYTES: usize = 64 * 1024;
/// How often a write begins anew when the deletion of its owner's last photo takes the directory away beneath it.
const ATTEMPTS: u32 = 5;
/// What [`check`](ContentStore::check) writes and reads; keys never have this name.
const CHECK_PATH: &str = ".check";

/// Keeps content in files.
#[derive(Debug, Clone)]
pub struct ContentFiles {
    operator: Operator,
    directory: Directory,
}

impl ContentFiles {
    /// Keeps content in a directory, which is made if need be (0700). It blocks: call it while the node starts, once per
    /// process, since it removes the writes that an earlier process did not finish.
    ///
    /// # Errors
    /// The server's: a directory that cannot be made, read or synced.
    pub fn local(root: &Path) -> Result<Self, StoreError> {
        let directory = Directory::open(root).map_err(failed)?;
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| failed(io::Error::from(io::ErrorKind::InvalidFilename)))
        };
        let files = Fs::default().root(&text(directory.root())?).atomic_write_dir(&text(&directory.unfinished())?);
        Ok(Self { operator: Operator::new(files).map_err(failed)?, directory })
    }

    /// What an unfinished write leaves all the same is removed at the next start.
    async fn write(&self, path: &str, file: &Path) -> Result<(), Source> {
        write(file, self.operator.writer(path).await?).await
    }

    async fn keep(&self, path: &str, file: &Path) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            let written = match self.write(path, file).await {
                Ok(()) => self.directory.entry_made(path).await.map_err(Source::from),
                Err(error) => Err(error),
            };
            match written {
                Err(error) if attempt < ATTEMPTS && taken_away(error.as_ref()) => attempt += 1,
                written => return written.map_err(failed),
            }
        }
    }
}

#[async_trait]
impl ContentStore for ContentFiles {
    async fn put(&self, key: ContentKey, file: &Path) -> Result<(), StoreError> {
        // On a task of its own: broken off in the middle, a write would leave a file that no work list knows of. When its
        // caller has gone it comes to an end all the same, and what it kept is deleted when its reservation ends.
        let (files, file) = (self.clone(), file.to_owned());
        let kept = tokio::spawn(async move { files.keep(&path(key), &file).await });
        kept.await.unwrap_or_else(|crashed| Err(failed(crashed)))
    }

    async fn open(&self, key: ContentKey, range: Range<u64>) -> Result<Option<ByteStream>, StoreError> {
        let path = path(key);
        let reader = self.operator.reader_with(&path).chunk(READ_BYTES).await.map_err(failed)?;
        stream_of(&self.operator, &path, reader, range).await
    }

    async fn delete(&self, key: ContentKey) -> Result<(), StoreError> {
        let path = path(key);
        self.operator.delete(&path).await.or_else(absent).map_err(failed)?;
        self.directory.entry_gone(&path).await.map_err(failed)
    }

    async fn check(&self) -> Result<(), StoreError> {
        check(&self.operator).await.map_err(failed)
    }
}

/// Streams a part of what `reader` reads. The first chunk is read at once: it opens the content, which from then on can be
/// read to its end, deleted or not.
async fn stream_of(
    operator: &Operator,
    path: &str,
    reader: Reader,
    range: Range<u64>,
) -> Result<Option<ByteStream>, StoreError> {
    if range.is_empty() {
        let exists = operator.exists(path).await.map_err(failed)?;
        return Ok(exists.then(|| stream::empty().boxed()));
    }
    let mut bytes = reader.into_bytes_stream(range).await.map_err(failed)?;
    match bytes.try_next().await {
        Ok(first) => Ok(Some(stream::iter(first.map(Ok)).chain(bytes.map_err(failed)).boxed())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

async fn check(operator: &Operator) -> Result<(), Error> {
    operator.write(CHECK_PATH, "ok").await?;
    operator.read(CHECK_PATH).await.map(drop)
}

/// Writes all of a local file. What a failed write leaves is taken back, as far as that can be done; the cause is what the
/// caller must hear of.
async fn write(file: &Path, mut writer: Writer) -> Result<(), Source> {
    let mut file = File::open(file).await?;
    let written = copy(&mut file, &mut writer).await;
    if written.is_err() {
        let _unfinished = writer.abort().await;
    }
    written
}

fn path(key: ContentKey) -> String {
    let owner = key.owner.to_string();
    format!("{}/{owner}/{}.{}", &owner[owner.len() - 2..], key.photo, extension(key.rendition))
}

fn extension(rendition: Rendition) -> &'static str {
    match rendition {
        Rendition::Original => "orig",
        Rendition::Thumb => "thumb",
    }
}

async fn copy(file: &mut File, writer: &mut Writer) -> Result<(), Source> {
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        if file.read_buf(&mut chunk).await? == 0 {
            writer.close().await?;
            return Ok(());
        }
        writer.write(chunk.freeze()).await?;
    }
}

/// Deleted by somebody else in between is deleted.
fn absent(error: Error) -> Result<(), Error> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Whether a write failed for the directory that was taken away beneath it. "Already exists" is what making a directory
/// says when there was one at first, and none any more at the second look.
fn taken_away(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(kind(error), Some(io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists))
}

/// The system's own kind of an error, however deep it lies.
fn kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let found = error.downcast_ref::<io::Error>().map(io::Error::kind);
    found.filter(|kind| *kind != io::ErrorKind::Other).or_else(|| error.source().and_then(kind))
}

fn failed(error: impl Into<Source>) -> StoreError {
    let error = error.into();
    match kind(error.as_ref()) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => StoreError::Full(error),
        _ => StoreError::Unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_or_quota_is_told_apart_however_deep_it_lies() {
        let beneath =
            |kind: io::ErrorKind| Error::new(ErrorKind::Unexpected, "write").set_source(io::Error::from(kind));

        let full = failed(beneath(io::ErrorKind::StorageFull));
        let quota = failed(io::Error::other(beneath(io::ErrorKind::QuotaExceeded)));
        let away = failed(beneath(io::ErrorKind::NotConnected));

        assert!(matches!(full, StoreError::Full(_)));
        assert!(matches!(quota, StoreError::Full(_)));
        assert!(matches!(away, StoreError::Unavailable(_)));
    }
}
