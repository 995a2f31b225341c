//! Reads the files for whoever sits elsewhere.
//!
//! Invariant: each reader has a thread and some hundred kilobytes, there are at most [`READERS_MAX`], and one that takes nothing
//! has nothing more read for it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use portico_kernel::{AskError, StoreError};
use portico_log::{Error, Lines, RECORD_BYTES_MAX, Tail};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::reader::{PrintError, PrintOptions, print};

/// How many may read at the same time; one more is refused.
pub const READERS_MAX: usize = 16;
/// How often followed files are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How many bytes of lines are sent at a time, or one line more.
const CHUNK_BYTES: usize = 64 * 1024;
/// How many chunks wait for a reader.
const CHUNKS: usize = 2;

type Read = Result<Bytes, StoreError>;

/// Log files that may be read by others. Cheap to clone; clones share the bound of readers.
#[derive(Debug, Clone)]
pub struct LogTails {
    dir: Arc<Path>,
    readers: Arc<Semaphore>,
    stop: CancellationToken,
}

impl LogTails {
    /// Reads the files in `dir`, until `stop` is cancelled: then whoever follows them is told that it was not to the end.
    pub fn new(dir: PathBuf, stop: CancellationToken) -> Self {
        Self { dir: dir.into(), readers: Arc::new(Semaphore::new(READERS_MAX)), stop }
    }

    /// What `tail` asks for. It is read as it is taken.
    ///
    /// # Errors
    /// The server's: too many read already, or there is no thread left.
    pub fn read(&self, tail: Tail) -> Result<Lines, Error> {
        let place = Arc::clone(&self.readers).try_acquire_owned().map_err(|_| AskError::Overloaded)?;
        let (sender, chunks) = mpsc::channel(CHUNKS);
        let reading = Reading { dir: Arc::clone(&self.dir), stop: self.stop.clone(), sender, _place: place };
        thread::Builder::new()
            .name("log-tail".to_owned())
            .spawn(move || reading.run(tail))
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        let next = |mut chunks: mpsc::Receiver<Read>| async { chunks.recv().await.map(|read| (read, chunks)) };
        Ok(Lines(stream::unfold(chunks, next).boxed()))
    }
}

/// One reader.
struct Reading {
    dir: Arc<Path>,
    stop: CancellationToken,
    sender: mpsc::Sender<Read>,
    _place: OwnedSemaphorePermit,
}

impl Reading {
    fn run(self, Tail { filter, last, follow }: Tail) {
        let last = last.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let options = PrintOptions { filter, last, json: true, follow };
        let mut outlet = Outlet { sender: self.sender.clone(), chunk: Vec::new() };
        let goes_on = || {
            thread::sleep(POLL_INTERVAL);
            !self.stop.is_cancelled() && !self.sender.is_closed()
        };
        let failure = match print(&self.dir, &options, &mut outlet, goes_on) {
            Err(PrintError::Unread(error)) => StoreError::Unavailable(error.into()),
            Ok(()) if follow => StoreError::Unavailable("the node is ending".into()),
            // Nobody reads any more, or all was read.
            Err(PrintError::Unwritten(_)) | Ok(()) => return,
        };
        let _gone = self.sender.blocking_send(Err(failure));
    }
}

/// Sends what is printed in chunks of whole lines.
struct Outlet {
    sender: mpsc::Sender<Read>,
    chunk: Vec<u8>,
}

impl Write for Outlet {
    fn write(&mut self, printed: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(printed);
        debug_assert!(self.chunk.len() <= CHUNK_BYTES + RECORD_BYTES_MAX, "a line feed ends each record");
        if self.chunk.len() >= CHUNK_BYTES && self.chunk.ends_with(b"\n") {
            self.flush()?;
        }
        Ok(printed.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        self.sender.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
