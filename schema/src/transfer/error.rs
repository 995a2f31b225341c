//! Why a transfer cannot be, told so that its operator knows what to do next.

use std::{io, path::PathBuf};

use portico_kernel::{FieldError, StoreError};
use uuid::Uuid;

/// A transfer that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the export cannot be read.
    #[error("{}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the export cannot be written.
    #[error("{}", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory is not one to export into.
    #[error("{}: {detail}", path.display())]
    Unfit {
        /// The directory.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// A file of the export is not what it was when it was written.
    #[error("{}: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In what.
        detail: String,
    },
    /// A line breaks a rule.
    #[error("{}:{number}: {}{}", path.display(), place(field), field.detail)]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        number: u64,
        /// The field and its rule.
        field: FieldError,
    },
    /// A row of the store is none that could be imported.
    #[error("{section}: row {number} of {file} is damaged: {}{}", place(field), field.detail)]
    Row {
        /// The store.
        section: &'static str,
        /// What would be its file.
        file: &'static str,
        /// The row, counted from 1, in the order of its key.
        number: u64,
        /// The field and its rule.
        field: FieldError,
    },
    /// A node runs over the store.
    #[error("{section}: a node uses it, or did so 15 seconds ago; stop every node, and run this again")]
    InUse {
        /// The store.
        section: &'static str,
    },
    /// The store holds a part of what an import is to bring.
    #[error("{section}: the import of export {export} has not ended; run `portico data import` again")]
    Unfinished {
        /// The store.
        section: &'static str,
        /// That export.
        export: Uuid,
    },
    /// The store holds rows that are of no import.
    #[error("{section}: it holds rows already ({file}); an import wants a store that holds nothing")]
    Occupied {
        /// The store.
        section: &'static str,
        /// What would be their file.
        file: &'static str,
    },
    /// The store holds rows of another import.
    #[error(
        "{section}: it holds what was imported of another export, {export}; an import wants a store that holds nothing"
    )]
    Another {
        /// The store.
        section: &'static str,
        /// That export.
        export: Uuid,
    },
    /// Somebody else is importing into the store.
    #[error("{section}: something else writes into it; see that no other import and no node runs, and run this again")]
    Overtaken {
        /// The store.
        section: &'static str,
    },
    /// The store does not hold what was imported into it.
    #[error(
        "{section}: it holds {found} rows of {file} that do not add up to the {wanted} that were imported; nothing may run over \
         it: empty it, and import again"
    )]
    Unequal {
        /// The store.
        section: &'static str,
        /// The file.
        file: &'static str,
        /// How many there are.
        found: u64,
        /// How many there should be.
        wanted: u64,
    },
    /// The store failed.
    #[error("{section}")]
    Store {
        /// The store.
        section: &'static str,
        /// Why.
        source: StoreError,
    },
}

impl Error {
    /// The failure of a store.
    pub(super) fn store(section: &'static str) -> impl Fn(StoreError) -> Self {
        move |source| Self::Store { section, source }
    }
}

fn place(field: &FieldError) -> String {
    if field.field.is_empty() { String::new() } else { format!("{}: ", field.field) }
}
