//! A directory that holds an export: a file of lines for each table, and a manifest that says what they must be.
//!
//! Invariant: the manifest is written last. A directory without one holds no export, or one that was broken off.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{BATCH_MAX, Error, Heard, Transfer, line};

/// The manifest's name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The file with the node's secret.
pub(super) const SECRET: &str = "secret";
/// What this version writes, and the only thing that it reads.
pub(super) const FORMAT: u32 = 1;
/// The longest line, in bytes: an event's text is the longest that a node writes, and far shorter.
const LINE_MAX_BYTES: u64 = 256 * 1024;

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
    pub schemas: std::collections::BTreeMap<String, String>,
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

/// Writes the manifest, which makes the export whole: under another name first, so that there is a whole one or none.
pub(super) fn seal(directory: &Path, manifest: &Manifest) -> Result<(), Error> {
    let path = directory.join(MANIFEST);
    let unfinished = path.with_extension("new");
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
        let path = directory.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|source| Error::Unread { path: path.clone(), source })?;
        let damaged = |detail: String| Error::Damaged { path: path.clone(), detail };
        let format =
            serde_json::from_str::<Format>(&text).map_err(|error| damaged(format!("is no manifest: {error}")))?;
        if format.format != FORMAT {
            let detail = format!("is of format {}; this version reads format {FORMAT}", format.format);
            return Err(damaged(detail));
        }
        let manifest = line::parse::<Manifest>(&text).map_err(|error| {
            damaged(format!("{}{}{}", error.field, if error.field.is_empty() { "" } else { ": " }, error.detail))
        })?;
        Ok(Self { directory: directory.to_owned(), manifest })
    }

    /// What it says that it consists of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Holds every file against the manifest and every line against its rules, and changes nothing.
    ///
    /// # Errors
    /// The operator's: a file that is missing, damaged or not one of `stores`; or of whoever wrote it: a line.
    pub fn check(&self, stores: &[&dyn Transfer], heard: &dyn Heard) -> Result<(), Error> {
        heard.begins("check", Some(self.manifest.rows()));
        self.check_names(stores)?;
        for entry in &self.manifest.files {
            self.check_bytes(entry)?;
        }
        self.secret()?;
        for store in stores {
            for file in store.files() {
                self.check_lines(*store, file, heard)?;
            }
        }
        Ok(())
    }

    fn check_names(&self, stores: &[&dyn Transfer]) -> Result<(), Error> {
        let path = || self.path(MANIFEST);
        let mut wanted: Vec<_> = stores.iter().flat_map(|store| store.files()).chain([SECRET]).collect();
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
        let (mut file, mut hash) = (File::open(&path).map_err(unread)?, Sha256::new());
        let (mut bytes, mut buffer) = (0, vec![0; 64 * 1024]);
        loop {
            let length = file.read(&mut buffer).map_err(unread)?;
            if length == 0 {
                break;
            }
            hash.update(&buffer[..length]);
            bytes += length as u64;
        }
        let differs = if bytes != entry.bytes {
            format!("has {bytes} bytes, and the manifest says {}", entry.bytes)
        } else if hex::encode(hash.finalize()) != entry.sha256 {
            "has another SHA-256 than the manifest says".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::Damaged { path, detail: format!("{differs}; copy the export again, or make another") })
    }

    fn check_lines(&self, store: &dyn Transfer, file: &'static str, heard: &dyn Heard) -> Result<(), Error> {
        let mut rows = 0;
        let mut lines = self.lines(file)?;
        while let Some(batch) = lines.next_batch(store, None)? {
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
        let path = self.path(file);
        let opened = File::open(&path).map_err(|source| Error::Unread { path: path.clone(), source })?;
        Ok(Reader { path, file, lines: BufReader::new(opened), number: 0 })
    }
}

/// What of a manifest every version can read.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The lines of a file.
pub(super) struct Reader {
    path: PathBuf,
    file: &'static str,
    lines: BufReader<File>,
    /// How many were read.
    number: u64,
}

/// Some lines.
pub(super) struct Batch {
    /// How many were read.
    pub(super) read: u64,
    /// Those of them that are not over, as this version writes them.
    pub(super) rows: Vec<String>,
    /// Which lines those are, counted from 1.
    pub(super) numbers: Vec<u64>,
}

impl Reader {
    /// Leaves out the first `count` lines.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), Error> {
        for _ in 0..count {
            let skipped = self.lines.skip_until(b'\n').map_err(|source| self.unread(source))?;
            self.number += u64::from(skipped > 0);
        }
        Ok(())
    }

    /// The next lines; none at the end.
    pub(super) fn next_batch(
        &mut self,
        store: &dyn Transfer,
        live_at: Option<OffsetDateTime>,
    ) -> Result<Option<Batch>, Error> {
        let mut batch = Batch { read: 0, rows: Vec::with_capacity(BATCH_MAX), numbers: Vec::new() };
        while batch.read < BATCH_MAX as u64 {
            let Some(line) = self.next_line()? else { break };
            batch.read += 1;
            let rewritten = store.rewrite(self.file, &line, live_at);
            if let Some(row) = rewritten.map_err(|field| self.refused(self.number, field))? {
                batch.rows.push(row);
                batch.numbers.push(self.number);
            }
        }
        Ok((batch.read > 0).then_some(batch))
    }

    /// How many lines were read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What is wrong with a line.
    pub(super) fn refused(&self, number: u64, field: portico_kernel::FieldError) -> Error {
        Error::Line { path: self.path.clone(), number, field }
    }

    fn next_line(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(LINE_MAX_BYTES + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|source| self.unread(source))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let wrong = |rule: &'static str| {
            let field = portico_kernel::Invalid::new("malformed", rule).of("");
            Err(Error::Line { path: self.path.clone(), number: self.number, field })
        };
        match line.pop() {
            Some(b'\n') => {}
            _ if read as u64 > LINE_MAX_BYTES => return wrong("is longer than 262144 bytes"),
            _ => return wrong("is cut off: it has no end of line"),
        }
        String::from_utf8(line).map(Some).or_else(|_| wrong("is not UTF-8"))
    }

    fn unread(&self, source: io::Error) -> Error {
        Error::Unread { path: self.path.clone(), source }
    }
}
