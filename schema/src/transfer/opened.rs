//! An export, held against its manifest.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    Entry, Error, Heard, Manifest, files,
    manifest::{self, MANIFEST, SECRET},
    reader::Reader,
};

/// An export, to be read.
#[derive(Debug)]
pub struct Export {
    directory: PathBuf,
    manifest: Manifest,
}

impl Export {
    /// Reads the manifest of an export.
    ///
    /// # Errors
    /// The operator's: there is none, it is damaged, or another version wrote it.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Ok(Self { directory: directory.to_owned(), manifest: manifest::read(directory)? })
    }

    /// What it says that it consists of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Holds every file against the manifest and every line against its rules, and changes nothing.
    ///
    /// # Errors
    /// The operator's: a file that is missing or damaged; or of whoever wrote it: a line.
    pub fn check(&self, heard: &dyn Heard) -> Result<(), Error> {
        heard.begins("check", Some(self.manifest.rows()));
        self.check_names()?;
        for entry in &self.manifest.files {
            self.check_bytes(entry)?;
        }
        self.secret()?;
        files().try_for_each(|file| self.check_lines(file, heard))
    }

    fn check_names(&self) -> Result<(), Error> {
        let path = || self.path(MANIFEST);
        let mut wanted: Vec<_> = files().chain([SECRET]).collect();
        for Entry { name, .. } in &self.manifest.files {
            let Some(at) = wanted.iter().position(|wanted| wanted == name) else {
                return Err(Error::Damaged {
                    path: path(),
                    detail: format!("{name:?} is no file of an export, or is told twice"),
                });
            };
            wanted.swap_remove(at);
        }
        match wanted.first() {
            Some(missing) => Err(Error::Damaged { path: path(), detail: format!("tells of no {missing}") }),
            None => Ok(()),
        }
    }

    fn check_bytes(&self, entry: &Entry) -> Result<(), Error> {
        let path = self.path(&entry.name);
        let unread = |source| Error::Unread { path: path.clone(), source };
        let (bytes, hash) = hashed(&path).map_err(unread)?;
        let differs = if bytes != entry.bytes {
            format!("has {bytes} bytes, and the manifest says {}", entry.bytes)
        } else if hash != entry.sha256 {
            "has another SHA-256 than the manifest says".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::Damaged { path, detail: format!("{differs}; copy the export again, or make another") })
    }

    fn check_lines(&self, file: &'static str, heard: &dyn Heard) -> Result<(), Error> {
        let mut rows = 0;
        let mut lines = self.lines(file)?;
        while let Some(batch) = lines.next_batch(None)? {
            rows += batch.read;
            heard.done(batch.read);
        }
        let wanted = self.manifest.rows_of(file);
        if rows == wanted {
            return Ok(());
        }
        Err(Error::Damaged {
            path: self.path(file),
            detail: format!("has {rows} lines, and the manifest says {wanted}"),
        })
    }

    /// The secret of the node that it was taken from.
    ///
    /// # Errors
    /// The operator's: it is damaged.
    pub fn secret(&self) -> Result<[u8; 32], Error> {
        let path = self.path(SECRET);
        let text = fs::read_to_string(&path).map_err(|source| Error::Unread { path: path.clone(), source })?;
        let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| Error::Damaged { path, detail: "must be 64 hexadecimal digits".to_owned() })
    }

    /// A file of it.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The lines of a file, from the first.
    pub(super) fn lines(&self, file: &'static str) -> Result<Reader, Error> {
        Reader::open(self.path(file), file)
    }
}

/// How long a file is, and its SHA-256.
fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let (mut bytes, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok((bytes, hex::encode(hash.finalize())));
        }
        hash.update(&buffer[..length]);
        bytes += length as u64;
    }
}
