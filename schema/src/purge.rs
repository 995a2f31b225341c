//! Deleting what is past its time, in transactions that are short enough for everybody else to get between.

use std::future::Future;

use portico_kernel::StoreError;

/// The most rows that one transaction deletes.
pub(crate) const BATCH_MAX: u64 = 1_000;

/// Repeats `delete`, which deletes at most [`BATCH_MAX`] rows, until it finds fewer; answers how many went in all.
pub(crate) async fn in_batches<F, Fut>(delete: F) -> Result<u64, StoreError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<u64, StoreError>>,
{
    let mut deleted = 0;
    loop {
        let batch = delete().await?;
        deleted += batch;
        if batch < BATCH_MAX {
            return Ok(deleted);
        }
    }
}
