//! The port behind which records are kept.

use std::sync::Arc;

use async_trait::async_trait;
use portico_kernel::StoreError;

use crate::Record;

/// Keeps records for ever, or for as long as it was told to.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps `batch`, in its order. On success every record of it is durable (it survives the loss of power) and stands
    /// exactly once, also if it was appended before: a record is a repetition when its service already has one of the
    /// same instance and boot with the same sequence or a higher one.
    ///
    /// After a failure any part of the batch may be kept, and the same batch may be appended again.
    async fn append(&self, batch: Arc<[Record]>) -> Result<(), StoreError>;

    /// Does what is due by the clock: closes yesterday's files, compresses, deletes what is too old. Called often.
    async fn tend(&self) -> Result<(), StoreError>;

    /// Proves that the store can be written: what readiness asks.
    async fn check(&self) -> Result<(), StoreError>;
}
