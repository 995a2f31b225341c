//! The spool: records of this node that wait to be carried to the node which keeps them.
//!
//! One directory of files that are numbered in the order of their writing, `00000000000000000001.jsonl`, with the records'
//! lines as they are; `sent` says how far they were carried. A file is deleted once all of it was, and the next begun.
//!
//! Invariant: what [`append`](Store::append) took is synced, stands once and is given out until it is forgotten, oldest
//! first. `sent` may lag after a crash, and never runs ahead. No more than the bound waits: past it nothing is taken,
//! so that it is the newest records which find no room; with what waits to be deleted, the directory is larger by one file
//! of [`SEGMENT_BYTES`] at the most.

mod files;
mod state;

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use portico_kernel::StoreError;
use portico_log::{Place, RECORD_BYTES_MAX, Record, Spool, Store, Waiting};
use tokio::sync::Notify;

use self::state::State;
use super::{blocking, probe};
use crate::data_dir;

/// A file that has as much is not appended to any more.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// How much is given out at once; at least the longest record.
const BATCH_BYTES: u64 = 1024 * 1024;
const _: () = assert!(BATCH_BYTES > RECORD_BYTES_MAX as u64);

/// Records that wait in files. Cheap to clone.
#[derive(Clone)]
pub struct SpoolFiles(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    bytes_max: u64,
    /// None after a panic: what the files hold is found out anew.
    state: Mutex<Option<State>>,
    /// Bytes that wait, for whoever must not wait for the disk.
    bytes: AtomicU64,
    appended: Notify,
}

impl SpoolFiles {
    /// Opens the directory, in which at most `bytes_max` are to wait. Blocks for as long as it takes to look at what an
    /// earlier run left.
    ///
    /// # Errors
    /// The operator's: the directory cannot be made or read.
    pub fn open(dir: PathBuf, bytes_max: u64) -> io::Result<Self> {
        data_dir::make(&dir)?;
        let state = State::open(&dir)?;
        let (bytes, state) = (AtomicU64::new(state.bytes()), Mutex::new(Some(state)));
        Ok(Self(Arc::new(Shared { dir, bytes_max, state, bytes, appended: Notify::new() })))
    }

    /// Bytes that wait. It never blocks.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &mut State) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        blocking(move || {
            let mut guard = shared.lock();
            // Taken, so that a panic leaves none.
            let mut state = guard.take().map_or_else(|| State::open(&shared.dir), Ok)?;
            let done = work(&shared, &mut state);
            shared.bytes.store(state.bytes(), Relaxed);
            *guard = Some(state);
            done
        })
        .await
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(|poisoned| {
            self.state.clear_poison();
            poisoned.into_inner()
        })
    }
}

#[async_trait]
impl Store for SpoolFiles {
    async fn append(&self, batch: Arc<[Record]>) -> Result<(), StoreError> {
        self.blocking(move |shared, state| state.append(&shared.dir, shared.bytes_max, &batch)).await?;
        self.0.appended.notify_one();
        Ok(())
    }

    async fn tend(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.blocking(|shared, state| if state.refuses() { Err(full()) } else { probe(&shared.dir) }).await
    }
}

#[async_trait]
impl Spool for SpoolFiles {
    async fn oldest(&self) -> Result<Waiting, StoreError> {
        let (begin, end) = self.blocking(|_, state| Ok(state.oldest())).await?;
        let path = files::path(&self.0.dir, begin.file);
        // What is read is synced, and is deleted only by whoever carries it: no lock is held meanwhile.
        blocking(move || read(&path, begin, end)).await
    }

    async fn forget(&self, place: Place) -> Result<(), StoreError> {
        self.blocking(move |shared, state| state.forget(&shared.dir, place)).await
    }

    async fn appended(&self) {
        self.0.appended.notified().await;
    }
}

/// The records between two places of a file, as many as may be given out at once. A line that is none can only come of
/// damage to the disk: it is told, and left out.
fn read(path: &Path, begin: Place, end: Place) -> io::Result<Waiting> {
    let (mut records, mut offset) = (Vec::new(), begin.offset);
    if offset < end.offset {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut lines = BufReader::new(file.take((end.offset - offset).min(BATCH_BYTES)));
        let mut line = Vec::new();
        // A line that the bound cuts is the first of the next batch, unless it is longer than any record.
        while lines.read_until(b'\n', &mut line)? > 0 && (line.ends_with(b"\n") || offset == begin.offset) {
            offset += line.len() as u64;
            match Record::parse(&line) {
                Ok(record) => records.push(record),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    file = begin.file,
                    bytes = line.len(),
                    "damaged record left out of the spool"
                ),
            }
            line.clear();
        }
    }
    Ok(Waiting { records, end: Place { file: begin.file, offset } })
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the spool is full: its records are taken too slowly, or not at all")
}
