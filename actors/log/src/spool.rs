//! The port behind which records wait on a node that does not keep them itself.

use async_trait::async_trait;
use portico_kernel::StoreError;

use crate::Record;

/// Records that are durable on this node, and wait to be carried to where they are kept. Whoever implements this is the
/// [`Store`](crate::Store) of the node's own records as well: what was appended waits here until it is forgotten.
///
/// Invariant: records leave in the order in which they came, and only once they were forgotten. After a crash those may
/// be given out again that were forgotten last, without a gap between them and the next.
#[async_trait]
pub trait Spool: Send + Sync + 'static {
    /// The oldest that wait, in their order; none when nothing waits.
    ///
    /// # Errors
    /// They cannot be read.
    async fn oldest(&self) -> Result<Waiting, StoreError>;

    /// Forgets all records up to `place`, which is where an answer of [`Self::oldest`] ended.
    ///
    /// # Errors
    /// It cannot be written down. They may be given out again, which does no harm but the work.
    async fn forget(&self, place: Place) -> Result<(), StoreError>;

    /// Resolves when something may have been appended since the last call.
    async fn appended(&self);
}

/// Records that wait.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// They themselves, oldest first.
    pub records: Vec<Record>,
    /// Where they end.
    pub end: Place,
}

/// A place between two records of a spool. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, by its number.
    pub file: u64,
    /// Bytes of that file which lie before.
    pub offset: u64,
}
