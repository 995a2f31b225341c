//! Where uploads wait for their processing.
//!
//! Invariant: a staged file is readable by this user alone and is gone once its guard is dropped; what a crash left behind
//! is gone once the directory is opened again.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use portico_kernel::StoreError;
use tokio::{runtime::Handle, time::timeout};
use uuid::Uuid;

use super::fingerprints::Fingerprint;
use crate::{Error, Upload};

/// The longest pause within an upload. The gateway has a limit of its own; this one frees the slot if it ever fails.
const IDLE_MAX: Duration = Duration::from_mins(1);

/// A directory for staged files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Staging(Arc<Path>);

impl Staging {
    /// Makes the directory if need be (0700), and removes every file that an earlier process left in it. A directory in it
    /// is none of ours: `lost+found` at the root of a file system. It blocks: call it while the node starts, and once per
    /// process.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self(dir.into()))
    }

    /// A name for a new file; the file itself is made by whoever writes it.
    pub(super) fn file(&self) -> Staged {
        Staged(self.0.join(Uuid::now_v7().to_string()))
    }
}

/// A staged file; removed when this is dropped.
#[derive(Debug)]
pub(super) struct Staged(PathBuf);

impl Staged {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        let remove = move || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "staged file stays until the next start");
            }
            _ => {}
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)), // freeing the blocks of a large file takes a while
            Err(_) => remove(),
        }
    }
}

/// An upload that came in whole.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) file: Staged,
    pub(super) size_bytes: u64,
    /// That of its bytes, if one was begun.
    pub(super) fingerprint: Option<[u8; 32]>,
}

/// Streams an upload into a staged file, and through its `fingerprint` if one was begun.
///
/// # Errors
/// [`Error::TooLarge`] as soon as it is larger than `max_bytes`, [`Error::Aborted`] if it is broken off or stands still,
/// [`Error::Store`] if it cannot be written. On any of them the channel closes, which stops the sender.
pub(super) async fn receive(
    staging: &Staging,
    mut upload: Upload,
    max_bytes: u64,
    fingerprint: Option<Fingerprint>,
) -> Result<Received, Error> {
    let staged = staging.file();
    let mut sink = blocking(move || Ok(Sink { file: create(staged.path())?, staged, fingerprint })).await?;
    let mut size_bytes = 0;
    while let Some(chunk) = timeout(IDLE_MAX, upload.0.recv()).await.map_err(|_| Error::Aborted)? {
        let chunk = chunk.map_err(|_| Error::Aborted)?;
        size_bytes += chunk.len() as u64;
        if size_bytes > max_bytes {
            return Err(Error::TooLarge { max_bytes });
        }
        sink = blocking(move || sink.take(&chunk)).await?;
    }
    Ok(Received { file: sink.staged, size_bytes, fingerprint: sink.fingerprint.map(Fingerprint::finish) })
}

/// Where an upload's bytes go. It blocks, on threads of its own: hashing on the actor's would delay all its neighbours. What
/// runs there holds the file's guard, since nobody may wait for it any more when it makes the file.
struct Sink {
    file: File,
    staged: Staged,
    fingerprint: Option<Fingerprint>,
}

impl Sink {
    fn take(mut self, chunk: &[u8]) -> io::Result<Self> {
        self.file.write_all(chunk)?;
        if let Some(fingerprint) = &mut self.fingerprint {
            fingerprint.update(chunk);
        }
        Ok(self)
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Processing)?.map_err(unwritable)
}

/// Makes a staged file. It blocks.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a staged file in one go. It blocks.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    create(path).and_then(|mut file| file.write_all(bytes)).map_err(unwritable)
}

/// A staging directory that fails is the server's fault, and a full one is told apart.
pub(super) fn unwritable(error: io::Error) -> Error {
    Error::Store(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(Box::new(error)),
        _ => StoreError::Unavailable(Box::new(error)),
    })
}
