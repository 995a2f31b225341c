//! Writes an export.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use futures_util::TryStreamExt as _;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Entry, Error, Heard, Manifest, Transfer, files,
    manifest::{FORMAT, MANIFEST, SECRET, UNSEALED, seal},
    rewrite,
    writer::Writer,
};
use crate::data_dir;

/// Writes all rows of `stores` into `directory`, which is made if need be; sessions that are over at `now` are left out. What
/// an export that was broken off has left there is written anew.
///
/// # Errors
/// The operator's: the directory holds something else or cannot be written, a store cannot be read, or a node runs over it.
pub async fn export(
    directory: &Path,
    secret: [u8; 32],
    stores: &[&dyn Transfer],
    now: OffsetDateTime,
    heard: &dyn Heard,
) -> Result<Manifest, Error> {
    prepare(directory)?;
    refuse_in_use(stores).await?;
    refuse_unfinished(stores).await?;
    heard.begins("export", None);
    let mut entries = vec![keep_secret(directory, secret)?];
    let mut schemas = BTreeMap::new();
    for store in stores {
        for file in store.files() {
            entries.push(write(directory, *store, file, now, heard).await?);
        }
        schemas.insert(store.section().to_owned(), store.schema());
    }
    refuse_in_use(stores).await?; // none came up meanwhile
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { format: FORMAT, id: Uuid::now_v7(), version, created_at: now, schemas, files: entries };
    seal(directory, &manifest)?;
    Ok(manifest)
}

/// Refuses stores that a node runs over.
pub(super) async fn refuse_in_use(stores: &[&dyn Transfer]) -> Result<(), Error> {
    for store in stores {
        let section = store.section();
        if store.is_in_use().await.map_err(Error::store(section))? {
            return Err(Error::InUse { section });
        }
    }
    Ok(())
}

async fn refuse_unfinished(stores: &[&dyn Transfer]) -> Result<(), Error> {
    for store in stores {
        let section = store.section();
        if let Some(export) = store.unfinished().await.map_err(Error::store(section))? {
            return Err(Error::Unfinished { section, export });
        }
    }
    Ok(())
}

/// Makes the directory, its owner's alone, or sees that it holds nothing but what an export that was broken off has left.
fn prepare(directory: &Path) -> Result<(), Error> {
    let unwritten = |source| Error::Unwritten { path: directory.to_owned(), source };
    let unfit = |detail| Error::Unfit { path: directory.to_owned(), detail };
    data_dir::make(directory).map_err(unwritten)?;
    let ours: Vec<_> = files().chain([SECRET, UNSEALED]).collect();
    for entry in fs::read_dir(directory).map_err(unwritten)? {
        let name = entry.map_err(unwritten)?.file_name();
        if name == MANIFEST {
            return Err(unfit("it holds an export already; name another directory".to_owned()));
        }
        if !ours.iter().any(|ours| name == **ours) {
            return Err(unfit(format!("it holds something else ({}); name another directory", name.display())));
        }
    }
    fs::set_permissions(directory, Permissions::from_mode(0o700)).map_err(unwritten)
}

fn keep_secret(directory: &Path, secret: [u8; 32]) -> Result<Entry, Error> {
    let mut writer = Writer::create(directory, SECRET)?;
    writer.line(&hex::encode(secret))?;
    writer.finish()
}

async fn write(
    directory: &Path,
    store: &dyn Transfer,
    file: &'static str,
    now: OffsetDateTime,
    heard: &dyn Heard,
) -> Result<Entry, Error> {
    let section = store.section();
    let (mut writer, mut number) = (Writer::create(directory, file)?, 0);
    let mut lines = store.lines(file, Some(now));
    while let Some(batch) = lines.try_next().await.map_err(Error::store(section))? {
        for line in &batch {
            number += 1;
            // What could not be imported is told now, where it can be mended.
            rewrite(file, line, None).map_err(|field| Error::Row { section, file, number, field })?;
            writer.line(line)?;
        }
        heard.done(batch.len() as u64);
    }
    writer.finish()
}
