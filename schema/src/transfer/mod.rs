//! What `portico data` takes from one installation to another: rows as lines of files, whichever adapter keeps them.
//!
//! - [`Transfer`]: a domain's store, as far as its rows can be taken out of it and into it.
//! - [`export`] writes all rows of some stores into a directory; an [`Export`] is such a directory, read again and held
//!   against its manifest; [`import`] takes its rows into other stores, and compares what they then hold.
//! - `table` makes lines of the rows of a relational table, and rows of lines; `marks` keep how far an import has come.
//!
//! Invariant: an import begins in stores that hold nothing, and each batch is committed with how far it has come, so that one
//! that is broken off, however it is, goes on where it was and nothing comes in twice. A node starts on no store whose import
//! has not ended.

mod error;
mod export;
mod import;
pub(crate) mod line;
mod manifest;
pub(crate) mod marks;
mod opened;
mod reader;
pub(crate) mod relational;
mod sum;
pub(crate) mod table;
mod writer;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use portico_kernel::{FieldError, StoreError};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{photo::transfer as photo, session::transfer as session, user::transfer as user};

pub use self::{
    error::Error,
    export::export,
    import::{Imported, import},
    manifest::{Entry, Manifest},
    marks::Begun,
    opened::Export,
};
pub(crate) use self::{
    relational::Relational,
    table::{AnyTable, Table},
};

/// The most rows that one transaction takes in, and that are in memory.
pub(crate) const BATCH_MAX: usize = 500;

/// The lines of a file, some at a time.
pub(crate) type Lines<'s> = BoxStream<'s, Result<Vec<String>, StoreError>>;

/// A domain's store, as far as its rows can be taken out of it and into it, each as a line of JSON.
///
/// While it is taken from or into, no node runs over it; a node that does is noticed where the store can tell.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// The section of the configuration that it is opened by.
    fn section(&self) -> &'static str;

    /// Which version its tables are of.
    fn schema(&self) -> String;

    /// Its files, those first that others refer to.
    fn files(&self) -> Vec<&'static str>;

    /// What it holds of `file`, each row once; nothing that is over at `live_at`.
    fn lines<'s>(&'s self, file: &'s str, live_at: Option<OffsetDateTime>) -> Lines<'s>;

    /// Whether a node runs over it, as far as it can tell.
    async fn is_in_use(&self) -> Result<bool, StoreError>;

    /// What [`Self::begin`] would answer; nothing changes.
    async fn standing(&self, export: Uuid) -> Result<Begun, StoreError>;

    /// Begins the import of `export`, or goes on with it.
    async fn begin(&self, export: Uuid) -> Result<Begun, StoreError>;

    /// Keeps `rows`, all of them or none: what of the lines of `file` from the first number on, up to the second, is to be
    /// kept. As many lines as the first says are in already.
    async fn put(&self, export: Uuid, file: &str, lines: (u64, u64), rows: Vec<String>) -> Result<Put, StoreError>;

    /// Ends the import of `export`: from now on a node may run over it.
    async fn end(&self, export: Uuid, now: OffsetDateTime) -> Result<(), StoreError>;

    /// The export whose import has begun and not ended.
    async fn unfinished(&self) -> Result<Option<Uuid>, StoreError>;
}

/// Every file of an export but the node's secret.
pub fn files() -> impl Iterator<Item = &'static str> {
    tables().map(AnyTable::file)
}

/// A line of `file`, which is one of [`files`], as this version writes it; none of a row that is over at `live_at`.
///
/// # Errors
/// Whoever wrote it: a field that breaks a rule.
pub fn rewrite(file: &str, line: &str, live_at: Option<OffsetDateTime>) -> Result<Option<String>, FieldError> {
    table(file).rewrite(line, live_at)
}

/// The table that a file is of.
pub(crate) fn table(file: &str) -> &'static dyn AnyTable {
    tables().find(|table| table.file() == file).expect("a file is named by one of the tables")
}

fn tables() -> impl Iterator<Item = &'static dyn AnyTable> {
    user::TABLES.into_iter().chain(session::TABLES).chain(photo::TABLES)
}

/// What became of lines that were to be kept.
#[derive(Debug)]
pub enum Put {
    /// They are kept.
    Kept,
    /// None is: one contradicts what is kept already.
    Refused {
        /// Which of them, counted from 0.
        index: usize,
        /// What it contradicts.
        detail: &'static str,
    },
    /// None is: somebody else is importing.
    Overtaken,
}

/// Hears how far a transfer has come.
pub trait Heard {
    /// A step begins that goes over so many rows, if that is known.
    fn begins(&self, step: &'static str, rows: Option<u64>);
    /// So many more rows of it are done.
    fn done(&self, rows: u64);
}
