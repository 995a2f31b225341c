//! How far the streams were read that records came by: `positions.json` beside the log files, so that whoever copies or
//! restores these has both.
//!
//! Invariant: the file is put in place whole, after the records before its offsets were synced. What a crash leaves
//! between the two is at most one batch, far less than the files' ends that are looked at for repetitions.

use std::{collections::BTreeMap, fs, io, path::Path, sync::PoisonError};

use async_trait::async_trait;
use portico_kernel::StoreError;
use portico_log::{Offsets, Positions};

use super::{LogFiles, replace};

const NAME: &str = "positions.json";

/// The offsets of each stream.
type Streams = BTreeMap<String, Offsets>;

#[async_trait]
impl Positions for LogFiles {
    async fn of(&self, stream: &str) -> Result<Offsets, StoreError> {
        let stream = stream.to_owned();
        self.blocking(move |shared| Ok(read(&shared.settings.dir)?.remove(&stream).unwrap_or_default())).await
    }

    async fn keep(&self, stream: &str, offsets: &Offsets) -> Result<(), StoreError> {
        let (stream, offsets) = (stream.to_owned(), offsets.clone());
        self.blocking(move |shared| {
            let _one_at_a_time = shared.positions.lock().unwrap_or_else(PoisonError::into_inner);
            let mut streams = read(&shared.settings.dir)?;
            streams.entry(stream).or_default().extend(offsets);
            replace(&shared.settings.dir, NAME, &serde_json::to_vec(&streams)?)
        })
        .await
    }
}

/// A damaged file is an error, never the beginning of all streams: their records would stand twice.
fn read(dir: &Path) -> io::Result<Streams> {
    match fs::read(dir.join(NAME)) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{NAME} is damaged: {error}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Streams::new()),
        Err(error) => Err(error),
    }
}
