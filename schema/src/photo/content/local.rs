//! The local directory's own part: entries that survive a power cut, and no empty directories.
//!
//! Invariant: an entry is durable once the directory that holds it is synced (`fsync(2)`: syncing the file alone does not
//! ensure it), and so is each directory's own entry in the one above, up to the root.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where `OpenDAL` writes files before it renames them into place.
const UNFINISHED: &str = ".unfinished";

/// The directory that content lies in.
#[derive(Debug, Clone)]
pub(super) struct Directory(Arc<Path>);

impl Directory {
    /// Makes the directory if need be, and removes the writes that were not finished. It blocks.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let unfinished = root.join(UNFINISHED);
        if unfinished.try_exists()? {
            fs::remove_dir_all(&unfinished)?;
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
        let root = root.canonicalize()?;
        sync(&root)?;
        root.parent().map_or(Ok(()), sync)?;
        Ok(Self(root.into()))
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn unfinished(&self) -> PathBuf {
        self.0.join(UNFINISHED)
    }

    /// Makes the entry of a new file durable, with those of the directories above it. Whether they are new is not asked:
    /// another write may have made them and not have synced them yet, and syncing what is clean costs next to nothing.
    pub(super) async fn entry_made(&self, path: &str) -> io::Result<()> {
        let (root, file) = (Arc::clone(&self.0), self.0.join(path));
        blocking(move || above(&file, &root).try_for_each(sync)).await
    }

    /// Removes the directories that a deletion left empty and makes all of it durable, also if an earlier attempt was cut
    /// off half-way.
    pub(super) async fn entry_gone(&self, path: &str) -> io::Result<()> {
        let (root, file) = (Arc::clone(&self.0), self.0.join(path));
        blocking(move || {
            if let Some(owner) = file.parent() {
                remove_if_empty(owner)?;
            }
            // A directory that is gone, by this deletion or another, is durably gone once the one above it is synced.
            for dir in above(&file, &root) {
                match sync(dir) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    synced => return synced,
                }
            }
            Ok(())
        })
        .await
    }
}

/// The directories above a file up to the root, nearest first.
fn above<'a>(file: &'a Path, root: &'a Path) -> impl Iterator<Item = &'a Path> {
    file.ancestors().skip(1).take_while(move |dir| dir.starts_with(root))
}

fn remove_if_empty(dir: &Path) -> io::Result<()> {
    match fs::remove_dir(dir) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Ok(()),
        removed => removed,
    }
}

fn sync(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await?
}
