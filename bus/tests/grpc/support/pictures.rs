//! Photos at another node, uploads to it and content of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use portico_bus::grpc::{Bridge, Peers, Photos, Settings};
use portico_kernel::{StoreError, UserId};
use portico_photo::{Asks, Error, Load, Photo, Tap, Upload, UploadAborted, tap};
use tokio::task::JoinHandle;

use super::PATIENCE;

/// The nodes that `settings` tell of, which host photos.
pub(crate) fn photos(settings: Settings) -> Peers {
    Peers::new(settings)
}

/// Asks them, and waits for as long as a test may take.
pub(crate) fn asks(peers: &Peers) -> Asks {
    let asks = Asks::of(&Bridge::<Photos>::new(peers.clone()));
    Asks {
        load: asks.load.timeout(PATIENCE),
        get: asks.get.timeout(PATIENCE),
        open: asks.open.timeout(PATIENCE),
        ..asks
    }
}

/// So many bytes, in which no part is like another.
pub(crate) fn bytes(count: usize) -> Bytes {
    (0..count).map(|place| u8::try_from((place / 251 + place) % 256).unwrap()).collect()
}

/// The same in chunks as a connection brings them.
pub(crate) fn chunks(mut bytes: Bytes) -> impl Iterator<Item = Bytes> + Send {
    const READ: usize = 64 * 1024;
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(READ))))
}

/// Has an upload kept, and pours into it by hand.
pub(crate) fn uploading(asks: &Asks) -> (Tap, JoinHandle<Result<Photo, Error>>) {
    let (tap, upload) = tap();
    let load = asks.load.clone();
    (tap, tokio::spawn(async move { load.ask(Load { owner: UserId::new(), upload, idempotency: None }).await }))
}

/// Content that is watched.
#[derive(Clone, Default)]
pub(crate) struct Picture {
    /// Bytes that were read of it.
    pub(crate) read: Arc<AtomicUsize>,
    /// Whether whatever reads it is gone.
    pub(crate) closed: Arc<AtomicBool>,
}

/// Closes a picture when it is dropped.
struct Closing(Arc<AtomicBool>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Picture {
    /// Its content is `pieces`.
    pub(crate) fn of(
        &self,
        pieces: impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static,
    ) -> portico_photo::Content {
        let (read, closing) = (Arc::clone(&self.read), Closing(Arc::clone(&self.closed)));
        let counted = pieces.inspect(move |piece| {
            let _open = &closing;
            read.fetch_add(piece.as_ref().map_or(0, Bytes::len), Ordering::SeqCst);
        });
        portico_photo::Content(counted.boxed())
    }

    /// Its content is `bytes`, in the pieces that a disk is read in.
    pub(crate) fn whole(&self, bytes: Bytes) -> portico_photo::Content {
        self.of(stream::iter(chunks(bytes).map(Ok)))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// How much was read of it, once no more is read.
    pub(crate) async fn settled(&self) -> usize {
        settled(&self.read).await
    }
}

/// What `count` comes to, once it stays.
pub(crate) async fn settled(count: &AtomicUsize) -> usize {
    loop {
        let before = count.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let after = count.load(Ordering::SeqCst);
        if before == after && after > 0 {
            return after;
        }
    }
}

/// All that comes of an upload.
pub(crate) async fn received(upload: &mut Upload) -> Result<Vec<u8>, UploadAborted> {
    let mut received = Vec::new();
    while let Some(chunk) = upload.0.recv().await {
        received.extend(chunk?);
    }
    Ok(received)
}
