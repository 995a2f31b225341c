//! Bytes of a file on their way.
//!
//! Invariant: a download that is broken off goes on where it was, a few times, and bytes that are read whole are those that were
//! put: their MAC is compared at the end, and what differs ends in an error. Of a part alone there is no MAC.

use std::{ops::Range, sync::Arc};

use backon::{BackoffBuilder as _, ExponentialBackoff};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};

use super::{
    account::Account,
    api::waits,
    crypto::{Cipher, Macs},
    error::Error,
    tree::File,
};

/// A download.
pub(super) struct Download {
    account: Arc<Account>,
    file: File,
    at: u64,
    end: u64,
    bytes: Option<BoxStream<'static, Result<Bytes, Error>>>,
    cipher: Cipher,
    /// Where all of it is read.
    macs: Option<Macs>,
    /// What is left of them since the last bytes.
    waits: ExponentialBackoff,
}

impl Download {
    /// A download of bytes that the file has; nothing is asked for yet.
    pub(super) fn new(account: Arc<Account>, file: File, range: Range<u64>) -> Self {
        let end = range.end.min(file.size);
        let at = range.start.min(end);
        let is_whole = at == 0 && end == file.size;
        let (cipher, macs) = (file.key.cipher(at), is_whole.then(|| file.key.macs()));
        Self { account, file, at, end, bytes: None, cipher, macs, waits: waits().build() }
    }

    /// The bytes that come next; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.at == self.end {
            let mac = self.macs.take().map(Macs::finish);
            return if mac.is_none_or(|mac| self.file.key.is_mac(mac)) { Ok(None) } else { Err(Error::Altered) };
        }
        loop {
            let error = match self.chunk().await {
                Ok(chunk) => return Ok(Some(self.decrypted(&chunk))),
                Err(error) => error,
            };
            let wait = if error.passes() { self.waits.next() } else { None };
            let Some(wait) = wait else {
                return Err(error);
            };
            tracing::debug!(error = &error as &dyn std::error::Error, "a download from Mega goes on");
            self.bytes = None;
            tokio::time::sleep(wait).await;
        }
    }

    fn decrypted(&mut self, chunk: &Bytes) -> Bytes {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let mut chunk = chunk[..chunk.len().min(left)].to_vec();
        self.cipher.apply(&mut chunk);
        if let Some(macs) = &mut self.macs {
            macs.update(&chunk);
        }
        self.at += chunk.len() as u64;
        self.waits = waits().build();
        chunk.into()
    }

    async fn chunk(&mut self) -> Result<Bytes, Error> {
        if self.bytes.is_none() {
            let source = self.account.source(&self.file.handle).await?;
            let url = format!("{source}/{}-{}", self.at, self.end - 1);
            self.bytes = Some(self.account.api.get(&url).await?);
        }
        let bytes = self.bytes.as_mut().ok_or(Error::Cut)?;
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk?;
            if !chunk.is_empty() {
                return Ok(chunk);
            }
        }
        Err(Error::Cut)
    }
}
