//! The sender's end of an upload.
//!
//! Invariant: an upload is whole only if its sender says so. One that is dropped, for whatever reason, is broken off.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{Upload, UploadAborted};

/// How many chunks wait for the photo domain, each of what a connection reads at once (64 KiB).
const CHUNKS: usize = 2;

type Chunk = Result<Bytes, UploadAborted>;

/// Where the picture is poured into. Dropped without [`Tap::finish`], it tells that the upload was broken off.
pub struct Tap {
    chunks: mpsc::Sender<Chunk>,
    /// A place that is kept free, so that the breaking off can be told when every other is taken.
    abort: Option<mpsc::OwnedPermit<Chunk>>,
}

/// The photo domain takes no more.
#[derive(Debug, thiserror::Error)]
#[error("upload is not taken any more")]
pub struct HungUp;

/// A tap, and what it pours into.
pub fn tap() -> (Tap, Upload) {
    let (chunks, upload) = mpsc::channel(CHUNKS + 1);
    let abort = chunks.clone().try_reserve_owned().ok();
    (Tap { chunks, abort }, Upload(upload))
}

impl Tap {
    /// Waits until there is room, and pours.
    ///
    /// # Errors
    /// [`HungUp`]; the answer to the upload says why.
    pub async fn send(&self, chunk: Bytes) -> Result<(), HungUp> {
        self.chunks.send(Ok(chunk)).await.map_err(|_| HungUp)
    }

    /// The upload is whole.
    pub fn finish(mut self) {
        self.abort = None;
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some(abort) = self.abort.take() {
            abort.send(Err(UploadAborted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tap_that_is_finished_ends_the_upload() {
        let (tap, Upload(mut upload)) = tap();
        tap.send(Bytes::from_static(b"a")).await.unwrap();

        tap.finish();

        assert_eq!(upload.recv().await, Some(Ok(Bytes::from_static(b"a"))));
        assert_eq!(upload.recv().await, None);
    }

    #[tokio::test]
    async fn a_tap_that_is_dropped_breaks_the_upload_off_however_full_it_is() {
        let (tap, Upload(mut upload)) = tap();
        for _ in 0..CHUNKS {
            tap.send(Bytes::from_static(b"a")).await.unwrap();
        }

        drop(tap);

        for _ in 0..CHUNKS {
            assert!(upload.recv().await.unwrap().is_ok());
        }
        assert_eq!(upload.recv().await, Some(Err(UploadAborted)));
        assert_eq!(upload.recv().await, None);
    }
}
