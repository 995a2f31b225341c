//! Log files: the adapter of the log domain's store, and the reader of what it wrote.
//!
//! One directory, one file per service and day (UTC), `user-2026-01-01.jsonl`; past a size the day goes on in
//! `user-2026-01-01.1.jsonl`, `.2` and so on. A file that is closed becomes `.jsonl.gz`, and is deleted when it is too
//! old. Files are 0600 in a directory of 0700.
//!
//! Invariant: what [`append`](Store::append) took is synced, and stands once. A file ends with a whole line, or is cut
//! back to one before anything else is written to it.
//!
//! - `segment` is one open file: append, sync, cut back what failed; `marks` knows what it has.
//! - `shelf` is the open file of each service, and when the next one begins; `recover` opens after a crash.
//! - `tidy` compresses and deletes; `name` is the grammar of file names.
//! - `positions` is how far the streams were read that records came by; [`SpoolFiles`] has them wait that leave by one.
//! - [`reader`] merges, filters, follows and prints: `portico logs`. [`LogTails`] does so for whoever sits elsewhere.
//!
//! All of it blocks, and so runs on the runtime's blocking threads; `tidy`, which may take long, on one of its own.

mod marks;
mod name;
mod positions;
pub mod reader;
mod recover;
mod segment;
mod shelf;
mod spool;
mod tails;
mod tidy;

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use portico_kernel::{Clock, Pool, StoreError};
use portico_log::{Record, Store};

pub use self::{
    spool::SpoolFiles,
    tails::{LogTails, READERS_MAX},
};

use self::shelf::Shelf;
use crate::data_dir;

/// Where log files lie, and how long.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Their directory; it is made when it is missing.
    pub dir: PathBuf,
    /// A file that would grow past this is closed and the next one begun, in bytes.
    pub rotate_bytes: u64,
    /// Files older than this many days are deleted; today's is day 0.
    pub keep_days: u16,
    /// When all files together are larger than this, in bytes, the oldest closed ones are deleted.
    pub keep_bytes: Option<u64>,
}

/// Log records in files. Cheap to clone.
#[derive(Clone)]
pub struct LogFiles {
    shared: Arc<Shared>,
    /// Compresses at low priority: as much CPU as a gigabyte of records may cost, requests come first.
    chores: Pool,
}

struct Shared {
    settings: LogSettings,
    clock: Arc<dyn Clock>,
    shelf: Mutex<Shelf>,
    positions: Mutex<()>,
    tidying: Mutex<()>,
}

impl LogFiles {
    /// Opens the directory. Blocks for as long as it takes to make it; files are opened when they are written to.
    ///
    /// # Errors
    /// The operator's: the directory cannot be made.
    pub fn open(settings: LogSettings, clock: Arc<dyn Clock>) -> io::Result<Self> {
        data_dir::make(&settings.dir)?;
        let shelf = Mutex::new(Shelf::new(settings.dir.clone(), settings.rotate_bytes));
        let shared =
            Arc::new(Shared { settings, clock, shelf, positions: Mutex::default(), tidying: Mutex::default() });
        Ok(Self { shared, chores: Pool::new("log-chores", 1, 1) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || work(&shared)).await
    }
}

#[async_trait]
impl Store for LogFiles {
    async fn append(&self, batch: Arc<[Record]>) -> Result<(), StoreError> {
        self.blocking(move |shared| {
            let mut open = shared.shelf(); // before the clock is asked: two appends see its days in their order
            open.append(&batch, shared.clock.now().date())
        })
        .await
    }

    async fn tend(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let done = self.chores.run(move || tidy::tidy(&shared)).await;
        done.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(store_error)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.blocking(|shared| probe(&shared.settings.dir)).await
    }
}

impl Shared {
    /// The open files. After a panic none is: what they hold is found out anew.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(|poisoned| {
            self.shelf.clear_poison();
            let mut recovered = poisoned.into_inner();
            recovered.close_all();
            recovered
        })
    }
}

/// Writes, syncs and removes a file. Several do so at the same time: whoever comes later finds it removed.
fn probe(dir: &Path) -> io::Result<()> {
    let path = dir.join(".check");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    io::Write::write_all(&mut file, b"check\n")?;
    file.sync_data()?;
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Has a thread of the runtime that may block do the work.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|crashed| StoreError::Broken(crashed.into()))?.map_err(store_error)
}

/// Puts `text` in place of what `dir` has under `name`: whole and durable, or not at all.
fn replace(dir: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}.new"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    io::Write::write_all(&mut file, text)?;
    file.sync_data()?;
    fs::rename(unfinished, dir.join(name))?;
    sync_dir(dir)
}

/// Makes names in `dir` durable.
fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

fn store_error(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full(error.into())
        }
        io::ErrorKind::InvalidData => StoreError::Broken(error.into()),
        _ => StoreError::Unavailable(error.into()),
    }
}
