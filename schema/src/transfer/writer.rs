//! Writes a file of an export, and what the manifest is to say of it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Entry, Error};

/// A file that is being written, for its owner alone.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    entry: Entry,
}

impl Writer {
    pub(super) fn create(directory: &Path, name: &str) -> Result<Self, Error> {
        let path = directory.join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(|source| Error::Unwritten { path: path.clone(), source })?;
        let entry = Entry { name: name.to_owned(), rows: 0, bytes: 0, sha256: String::new() };
        Ok(Self { path, file: BufWriter::new(file), hash: Sha256::new(), entry })
    }

    pub(super) fn line(&mut self, line: &str) -> Result<(), Error> {
        for bytes in [line.as_bytes(), b"\n"] {
            self.hash.update(bytes);
            self.entry.bytes += bytes.len() as u64;
            self.file.write_all(bytes).map_err(|source| Error::Unwritten { path: self.path.clone(), source })?;
        }
        self.entry.rows += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Entry, Error> {
        let Self { path, file, hash, entry } = self;
        let synced = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        synced.map_err(|source| Error::Unwritten { path, source })?;
        Ok(Entry { sha256: hex::encode(hash.finalize()), ..entry })
    }
}
