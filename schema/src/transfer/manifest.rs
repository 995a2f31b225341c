//! What says that a directory holds an export, and what its files must be.
//!
//! Invariant: it is written last. A directory without one holds no export, or one that was broken off.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Error, line};

/// Its name.
pub(super) const MANIFEST: &str = "manifest.json";
/// Its name while it is written.
pub(super) const UNSEALED: &str = "manifest.new";
/// The name of the file with the node's secret.
pub(super) const SECRET: &str = "secret";
/// What this version writes, and the only thing that it reads.
pub(super) const FORMAT: u32 = 1;

/// What an export consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which form its files have.
    pub format: u32,
    /// Names the export: what an import that was broken off knows it by.
    pub id: Uuid,
    /// The version of Portico that wrote it.
    pub version: String,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The version of each store's tables, by section.
    pub schemas: BTreeMap<String, String>,
    /// Its files.
    pub files: Vec<Entry>,
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// How many lines it has.
    pub rows: u64,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// How many rows there are in all.
    pub fn rows(&self) -> u64 {
        self.files.iter().filter(|file| file.name != SECRET).map(|file| file.rows).sum()
    }

    /// How many lines a file has; 0 if there is none of that name.
    pub fn rows_of(&self, name: &str) -> u64 {
        self.files.iter().find(|file| file.name == name).map_or(0, |file| file.rows)
    }
}

/// Writes the manifest, which makes the export whole: under another name first, so that there is a whole one or none.
pub(super) fn seal(directory: &Path, manifest: &Manifest) -> Result<(), Error> {
    let path = directory.join(MANIFEST);
    let unfinished = directory.join(UNSEALED);
    let text = serde_json::to_vec_pretty(manifest).expect("plain fields serialise");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&text)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|source| Error::Unwritten { path: path.clone(), source })
}

/// Reads it.
///
/// # Errors
/// The operator's: there is none, it is damaged, or another version wrote it.
pub(super) fn read(directory: &Path) -> Result<Manifest, Error> {
    let path = directory.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|source| Error::Unread { path: path.clone(), source })?;
    let damaged = |detail: String| Error::Damaged { path: path.clone(), detail };
    let Format { format } = serde_json::from_str(&text).map_err(|error| damaged(format!("is no manifest: {error}")))?;
    if format != FORMAT {
        return Err(damaged(format!("is of format {format}; this version reads format {FORMAT}")));
    }
    line::parse(&text).map_err(|error| damaged(format!("is no manifest: {}: {}", error.field, error.detail)))
}

/// What of a manifest every version can read.
#[derive(Deserialize)]
struct Format {
    format: u32,
}
