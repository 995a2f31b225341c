//! The port behind which it is kept how far the records of others have come.

use std::collections::BTreeMap;

use async_trait::async_trait;
use portico_kernel::StoreError;

/// The next offset of each partition of a stream.
pub type Offsets = BTreeMap<i32, i64>;

/// Keeps, beside the records that came by a stream, where that stream is to be read on.
///
/// Invariant: offsets are kept after the records before them, so that a crash in between repeats records, which the
/// [`Store`](crate::Store) knows, and skips none.
#[async_trait]
pub trait Positions: Send + Sync + 'static {
    /// The offsets of a stream that were kept last; none for partitions that nothing came from.
    ///
    /// # Errors
    /// They cannot be read.
    async fn of(&self, stream: &str) -> Result<Offsets, StoreError>;

    /// Keeps `offsets`, those of other partitions and streams staying as they are. They are durable on success.
    ///
    /// # Errors
    /// They cannot be written; the earlier ones are still there.
    async fn keep(&self, stream: &str, offsets: &Offsets) -> Result<(), StoreError>;
}
