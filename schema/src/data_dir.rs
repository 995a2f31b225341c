//! The directory that everything embedded lies in.
//!
//! Invariant: one process at a time holds it, and nobody but its owner may look into it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// The file whose lock says who holds the directory; it names that process.
const LOCK: &str = "lock";
/// The file with the node's secret.
const SECRET: &str = "secret";
/// How long the secret is, in bytes.
const SECRET_BYTES: usize = 32;

/// A data directory that this process holds until this is dropped, or the process ends, however it does.
pub struct DataDir {
    _lock: File,
    secret: [u8; SECRET_BYTES],
}

/// Why a data directory cannot be held. Each is the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds it.
    #[error("{path} is in use by another process ({holder}); stop it, or name another data directory")]
    Held {
        /// The directory.
        path: PathBuf,
        /// The process that holds it.
        holder: String,
    },
    /// It is somebody's directory that others may look into, and not one of Portico's.
    #[error(
        "{path} is open to others (mode {mode:o}) and holds something else than Portico's data; \
         close it with `chmod 700`, or name another data directory"
    )]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It cannot be made, read or written.
    #[error("{path}: {source}")]
    Io {
        /// What cannot.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DataDir {
    /// Makes the directory if need be (mode 0700), closes it to others, holds it, and reads or makes its secret.
    ///
    /// # Errors
    /// The operator's: another process holds it, it is open to others and not ours to close, or the file system refuses.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::hold(path, None)
    }

    /// The same with `secret`, unless it has one already.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn adopt(path: &Path, secret: [u8; SECRET_BYTES]) -> Result<Self, Error> {
        Self::hold(path, Some(secret))
    }

    fn hold(path: &Path, adopted: Option<[u8; SECRET_BYTES]>) -> Result<Self, Error> {
        let failed = |path: PathBuf| move |source| Error::Io { path, source };
        make(path).map_err(failed(path.to_owned()))?;
        close(path)?;
        let lock = hold(path)?;
        let secret = secret(path, adopted).map_err(failed(path.join(SECRET)))?;
        Ok(Self { _lock: lock, secret })
    }

    /// The node's secret: random, made once, and the same at every start.
    pub fn secret(&self) -> [u8; SECRET_BYTES] {
        self.secret
    }
}

/// Makes a directory, and those that it lies in as far as they are missing; their names are durable then.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()), // the root
    };
    let made = match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(parent)?;
            DirBuilder::new().mode(0o700).create(path)
        }
        made => made,
    };
    match made {
        Ok(()) => File::open(parent)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Closes a directory of ours to others. One that holds something else is not touched: closing it might be a mischief.
fn close(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    let is_ours = [LOCK, SECRET].iter().any(|own| path.join(own).exists());
    if !is_ours && fs::read_dir(path).map_err(failed)?.next().is_some() {
        return Err(Error::Open { path: path.to_owned(), mode });
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed)?;
    tracing::warn!(path = %path.display(), "data directory was open to others, and is closed to them now");
    Ok(())
}

fn hold(directory: &Path) -> Result<File, Error> {
    let path = directory.join(LOCK);
    let failed = |source| Error::Io { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let mut lock =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _unreadable = lock.read_to_string(&mut holder);
            return Err(Error::Held { path: directory.to_owned(), holder: format!("pid {}", holder.trim()) });
        }
    }
    lock.set_len(0).and_then(|()| lock.rewind()).map_err(failed)?;
    writeln!(lock, "{}", std::process::id()).map_err(failed)?;
    Ok(lock)
}

fn secret(directory: &Path, adopted: Option<[u8; SECRET_BYTES]>) -> io::Result<[u8; SECRET_BYTES]> {
    let path = directory.join(SECRET);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| io::Error::other("must be 32 bytes long; it is damaged")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_secret(directory, &path, adopted),
        Err(error) => Err(error),
    }
}

/// Under another name first, so that a crash leaves a whole secret or none.
fn make_secret(directory: &Path, path: &Path, adopted: Option<[u8; SECRET_BYTES]>) -> io::Result<[u8; SECRET_BYTES]> {
    let mut secret = adopted.unwrap_or_default();
    if adopted.is_none() {
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
    }
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn open_to_others(path: &Path) {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_directory_of_ours_or_an_empty_one_is_closed_to_others() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        fs::create_dir(&path).unwrap();
        open_to_others(&path);

        drop(DataDir::open(&path).unwrap());
        let empty = mode(&path);
        open_to_others(&path);
        drop(DataDir::open(&path).unwrap());

        assert_eq!((empty, mode(&path)), (0o700, 0o700));
    }

    #[test]
    fn a_directory_of_somebody_elses_that_is_open_to_others_is_refused_and_left_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("notes.txt"), b"mine").unwrap();
        open_to_others(root.path());

        let refused = DataDir::open(root.path()).err().unwrap();

        assert!(refused.to_string().contains("chmod 700"), "it says what to do: {refused}");
        assert_eq!(mode(root.path()), 0o755);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_is_made_with_all_that_it_lies_in_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c");
        fs::write(root.path().join("file"), b"").unwrap();

        drop(DataDir::open(&path).unwrap());
        let refused = DataDir::open(&root.path().join("file")).err().unwrap();

        assert_eq!((mode(&path), mode(&root.path().join("a"))), (0o700, 0o700));
        assert!(matches!(refused, Error::Io { .. }), "{refused}");
    }

    #[test]
    fn the_directory_is_its_owners_alone_and_its_secret_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");

        let first = DataDir::open(&path).unwrap().secret();
        let second = DataDir::open(&path).unwrap().secret();

        assert_eq!(first, second);
        assert_ne!(first, [0; 32]);
        let mode = |name: &str| mode(&path.join(name));
        assert_eq!((mode(""), mode("secret"), mode("lock")), (0o700, 0o600, 0o600));
    }

    #[test]
    fn a_secret_is_adopted_where_there_is_none() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");

        let first = DataDir::adopt(&path, [7; 32]).unwrap().secret();
        let second = DataDir::adopt(&path, [8; 32]).unwrap().secret();

        assert_eq!((first, second), ([7; 32], [7; 32]));
    }

    #[test]
    fn a_second_holder_is_told_who_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let _first = DataDir::open(root.path()).unwrap();

        let refused = DataDir::open(root.path()).err().unwrap();

        let pid = std::process::id().to_string();
        assert!(matches!(&refused, Error::Held { holder, .. } if holder.contains(&pid)), "{refused}");
    }

    #[test]
    fn a_damaged_secret_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("secret"), b"short").unwrap();

        assert!(matches!(DataDir::open(root.path()), Err(Error::Io { .. })));
    }
}
