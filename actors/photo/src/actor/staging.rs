//! Where uploads wait for their processing.
//!
//! Invariant: a staged file is readable by this user alone and is gone once its guard is dropped; what a crash left behind
//! is gone once the directory is opened again.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use portico_kernel::StoreError;
use sha2::{Digest as _, Sha256};
use tokio::{io::AsyncWriteExt as _, runtime::Handle, time::timeout};
use uuid::Uuid;

use crate::{Error, Upload};

/// The longest pause within an upload. The gateway has a limit of its own; this one frees the slot if it ever fails.
const IDLE_MAX: Duration = Duration::from_mins(1);

/// A directory for staged files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Staging(Arc<Path>);

impl Staging {
    /// Makes the directory if need be (0700), and removes whatever an earlier process left in it. It blocks: call it while
    /// the node starts, and once per process.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        for entry in fs::read_dir(&dir)? {
            fs::remove_file(entry?.path())?;
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
    pub(super) sha256: [u8; 32],
}

/// Streams an upload into a staged file.
///
/// # Errors
/// [`Error::TooLarge`] as soon as it is larger than `max_bytes`, [`Error::Aborted`] if it is broken off or stands still,
/// [`Error::Store`] if it cannot be written. On any of them the channel closes, which stops the sender.
pub(super) async fn receive(staging: &Staging, mut upload: Upload, max_bytes: u64) -> Result<Received, Error> {
    let file = staging.file();
    let mut options = tokio::fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(file.path()).await.map_err(unwritable)?;
    let (mut size_bytes, mut hash) = (0, Sha256::new());
    while let Some(chunk) = timeout(IDLE_MAX, upload.0.recv()).await.map_err(|_| Error::Aborted)? {
        let chunk = chunk.map_err(|_| Error::Aborted)?;
        size_bytes += chunk.len() as u64;
        if size_bytes > max_bytes {
            return Err(Error::TooLarge { max_bytes });
        }
        hash.update(&chunk);
        out.write_all(&chunk).await.map_err(unwritable)?;
    }
    out.flush().await.map_err(unwritable)?;
    Ok(Received { file, size_bytes, sha256: hash.finalize().into() })
}

/// Writes a staged file in one go. It blocks.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(unwritable)?;
    file.write_all(bytes).map_err(unwritable)
}

/// A staging directory that fails is the server's fault, and a full one is told apart.
pub(super) fn unwritable(error: io::Error) -> Error {
    Error::Store(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(Box::new(error)),
        _ => StoreError::Unavailable(Box::new(error)),
    })
}
