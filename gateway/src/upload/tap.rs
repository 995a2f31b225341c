//! Both ends of an upload: what comes in, bounded, and what the photo domain is given.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{dev::Payload, error::PayloadError};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, ready, stream::Fuse};
use portico_photo::{Upload, UploadAborted};
use tokio::sync::mpsc;

/// How many chunks wait for the photo domain, each of what the connection reads at once (64 KiB).
const CHUNKS: usize = 2;

type Chunk = Result<Bytes, UploadAborted>;

/// Where the picture is poured into. Dropped without [`Tap::finish`], it tells that the upload was broken off.
pub(crate) struct Tap {
    chunks: mpsc::Sender<Chunk>,
    /// A place that is kept free, so that the breaking off can be told when every other is taken.
    abort: Option<mpsc::OwnedPermit<Chunk>>,
}

/// The photo domain takes no more.
#[derive(Debug)]
pub(crate) struct HungUp;

/// A tap, and what it pours into.
pub(crate) fn tap() -> (Tap, Upload) {
    let (chunks, upload) = mpsc::channel(CHUNKS + 1);
    let abort = chunks.clone().try_reserve_owned().ok();
    (Tap { chunks, abort }, Upload(upload))
}

impl Tap {
    /// Waits until there is room, and pours.
    pub(crate) async fn send(&self, chunk: Bytes) -> Result<(), HungUp> {
        self.chunks.send(Ok(chunk)).await.map_err(|_| HungUp)
    }

    /// The upload is whole.
    pub(crate) fn finish(mut self) {
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

/// The request's body, which ends in an overflow past its bound. Clones read on where the others left off.
#[derive(Clone)]
pub(crate) struct Incoming(Rc<RefCell<Bounded>>);

struct Bounded {
    /// Fused: the form's parser asks past the end.
    payload: Fuse<Payload>,
    left: u64,
}

impl Incoming {
    pub(crate) fn new(payload: Payload, max_bytes: u64) -> Self {
        Self(Rc::new(RefCell::new(Bounded { payload: payload.fuse(), left: max_bytes })))
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = &mut *self.0.borrow_mut();
        let chunk = ready!(body.payload.poll_next_unpin(context));
        Poll::Ready(chunk.map(|chunk| {
            let chunk = chunk?;
            body.left = body.left.checked_sub(chunk.len() as u64).ok_or(PayloadError::Overflow)?;
            Ok(chunk)
        }))
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
