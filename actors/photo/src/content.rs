//! The port behind which photos' bytes are kept.

mod both;

use std::{ops::Range, path::Path};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use portico_kernel::{StoreError, UserId};

pub use self::both::Both;
use crate::{PhotoId, Rendition};

/// Names the bytes of one rendition of one photo; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentKey {
    /// Whose photo.
    pub owner: UserId,
    /// Which photo.
    pub photo: PhotoId,
    /// Which of its bytes.
    pub rendition: Rendition,
}

/// Bytes on their way; an error ends them.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// Keeps bytes by key. What is kept is durable: file and directory entry have reached the disk, or the object store has
/// acknowledged it.
#[async_trait]
pub trait ContentStore: Send + Sync + 'static {
    /// Keeps the bytes of a file under `key`, replacing what is there; durable when it answers.
    async fn put(&self, key: ContentKey, file: &Path) -> Result<(), StoreError>;

    /// Streams `range` of the bytes under `key`; none when there are none.
    async fn open(&self, key: ContentKey, range: Range<u64>) -> Result<Option<ByteStream>, StoreError>;

    /// Deletes what is under `key`, durably; nothing there is a success.
    async fn delete(&self, key: ContentKey) -> Result<(), StoreError>;

    /// Proves that the store can be written and read: what readiness asks.
    async fn check(&self) -> Result<(), StoreError>;
}
