//! Content in two places, while it is moved from the one to the other.
//!
//! Invariant: what is in either place is found, however it is moved meanwhile, and what is deleted is deleted in both. New
//! content goes to the first alone, so that the other one only ever empties.

use std::{fmt, ops::Range, path::Path, sync::Arc};

use async_trait::async_trait;
use portico_kernel::StoreError;

use super::{ByteStream, ContentKey, ContentStore};

/// Two places of content. Cheap to clone.
#[derive(Clone)]
pub struct Both {
    /// Where new content goes.
    pub to: Arc<dyn ContentStore>,
    /// What is left in the end.
    pub from: Arc<dyn ContentStore>,
}

impl fmt::Debug for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Both")
    }
}

#[async_trait]
impl ContentStore for Both {
    async fn put(&self, key: ContentKey, file: &Path) -> Result<(), StoreError> {
        self.to.put(key, file).await
    }

    async fn open(&self, key: ContentKey, range: Range<u64>) -> Result<Option<ByteStream>, StoreError> {
        // The last look is for what was moved between the first two.
        for place in [&self.to, &self.from, &self.to] {
            if let Some(bytes) = place.open(key, range.clone()).await? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    async fn delete(&self, key: ContentKey) -> Result<(), StoreError> {
        self.to.delete(key).await?;
        self.from.delete(key).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.to.check().await?;
        self.from.check().await
    }
}
