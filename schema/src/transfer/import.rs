//! Takes an export into stores that hold nothing, and compares what they hold then.
//!
//! Invariant: nothing is written before all of the export was found to be right. Stores are opened to nodes together, once
//! all of them hold what the export does.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use portico_kernel::{Clock, Invalid, StoreError};
use time::{Duration, OffsetDateTime};

use super::{
    Begun, Error, Export, Heard, Put, Transfer,
    export::refuse_in_use,
    reader::{Batch, Reader},
    sum::Sum,
};

/// Sessions that end this soon are not compared: a store may forget them while it is read.
const ENDING: Duration = Duration::minutes(10);

/// What an import came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// Everything is in, and was compared.
    Whole,
    /// It was so before.
    Before,
}

/// Takes `export`, which was checked, into `stores`, or goes on where that was broken off.
///
/// # Errors
/// The operator's: a store holds something else, a node runs over it, or it fails.
pub async fn import(
    export: &Export,
    stores: &[&dyn Transfer],
    clock: &dyn Clock,
    heard: &dyn Heard,
) -> Result<Imported, Error> {
    refuse_in_use(stores).await?;
    let id = export.manifest().id;
    heard.begins("import", Some(export.manifest().rows()));
    for store in stores {
        // All of them, before any is changed.
        may_go_on(*store, store.standing(id).await)?;
    }
    let mut begun = Vec::new();
    for store in stores {
        begun.push(may_go_on(*store, store.begin(id).await)?);
    }
    if begun.iter().all(Option::is_none) {
        return Ok(Imported::Before);
    }
    for (store, marks) in stores.iter().zip(&begun) {
        for file in store.files() {
            let before = marks.as_ref().map(|marks| marks.get(file).copied().unwrap_or_default());
            put_all(export, *store, file, before, clock, heard).await?;
        }
    }
    heard.begins("compare", Some(export.manifest().rows()));
    for (store, _) in stores.iter().zip(&begun).filter(|(_, marks)| marks.is_some()) {
        for file in store.files() {
            compare(export, *store, file, clock, heard).await?;
        }
    }
    refuse_in_use(stores).await?;
    for store in stores {
        store.end(id, clock.now()).await.map_err(Error::store(store.section()))?;
    }
    Ok(Imported::Whole)
}

/// How many lines of each file are in; none where the import has ended.
fn may_go_on(store: &dyn Transfer, begun: Result<Begun, StoreError>) -> Result<Option<HashMap<String, u64>>, Error> {
    let section = store.section();
    match begun.map_err(Error::store(section))? {
        Begun::At(marks) => Ok(Some(marks)),
        Begun::Ended => Ok(None),
        Begun::Another(export) => Err(Error::Another { section, export }),
        Begun::Occupied(file) => Err(Error::Occupied { section, file }),
    }
}

/// Puts in what is missing of a file; nothing, where `before` says that the store's import has ended.
async fn put_all(
    export: &Export,
    store: &dyn Transfer,
    file: &'static str,
    before: Option<u64>,
    clock: &dyn Clock,
    heard: &dyn Heard,
) -> Result<(), Error> {
    let rows = export.manifest().rows_of(file);
    let before = before.unwrap_or(rows);
    heard.done(before);
    let mut reader = export.lines(file)?;
    reader.skip(before)?;
    loop {
        let before = reader.number();
        let Some(batch) = reader.next_batch(Some(clock.now()))? else { return Ok(()) };
        let read = batch.read;
        put(export, store, file, &reader, before, batch).await?;
        heard.done(read);
    }
}

async fn put(
    export: &Export,
    store: &dyn Transfer,
    file: &str,
    reader: &Reader,
    before: u64,
    Batch { read, rows, numbers }: Batch,
) -> Result<(), Error> {
    let section = store.section();
    match store.put(export.manifest().id, file, (before, before + read), rows).await.map_err(Error::store(section))? {
        Put::Kept => Ok(()),
        Put::Overtaken => Err(Error::Overtaken { section }),
        Put::Refused { index, detail } => {
            let number = numbers.get(index).copied().unwrap_or_default();
            Err(reader.refused(number, Invalid::new("contradiction", detail).of("")))
        }
    }
}

/// Compares what the store holds of a file with the file.
async fn compare(
    export: &Export,
    store: &dyn Transfer,
    file: &'static str,
    clock: &dyn Clock,
    heard: &dyn Heard,
) -> Result<(), Error> {
    let mut margin = ENDING;
    loop {
        let live_at = clock.now() + margin;
        let found = held(store, file, live_at, heard).await?;
        if clock.now() >= live_at {
            margin *= 2; // reading took so long that some may have been forgotten meanwhile
            continue;
        }
        let wanted = exported(export, file, live_at)?;
        if found == wanted {
            return Ok(());
        }
        return Err(Error::Unequal { section: store.section(), file, found: found.rows, wanted: wanted.rows });
    }
}

async fn held(
    store: &dyn Transfer,
    file: &'static str,
    live_at: OffsetDateTime,
    heard: &dyn Heard,
) -> Result<Sum, Error> {
    let mut sum = Sum::default();
    let mut lines = store.lines(file, Some(live_at));
    while let Some(batch) = lines.try_next().await.map_err(Error::store(store.section()))? {
        for line in &batch {
            sum.add(line);
        }
        heard.done(batch.len() as u64);
    }
    Ok(sum)
}

fn exported(export: &Export, file: &'static str, live_at: OffsetDateTime) -> Result<Sum, Error> {
    let mut sum = Sum::default();
    let mut reader = export.lines(file)?;
    while let Some(batch) = reader.next_batch(Some(live_at))? {
        for line in &batch.rows {
            sum.add(line);
        }
    }
    Ok(sum)
}
