//! What the log domain does for others.

use std::{fmt, sync::Arc};

use actix::Message;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use portico_kernel::{Ask, StoreError};

use crate::{Error, Filter, Record};

/// The most records of one [`Append`].
pub const APPEND_RECORDS_MAX: usize = 4_096;

/// The most records that [`Tail::last`] may ask for.
pub const TAIL_LAST_MAX: u32 = 10_000;

/// Accepts records of a node that does not write files itself. The answer comes once they are on disk; a repetition after
/// an answer that got lost writes nothing twice.
///
/// The records of one boot must come in the order of their sequence: the store takes what is not above its mark for a
/// repetition.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Append {
    /// At most [`APPEND_RECORDS_MAX`].
    pub records: Arc<[Record]>,
}

/// Waits until everything that was offered on this node before is accepted: what a shutdown asks.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Flush;

/// Reads what was logged, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Message)]
#[rtype(result = "Result<Lines, Error>")]
pub struct Tail {
    /// Which records.
    pub filter: Filter,
    /// Only the last so many of what is there, at most [`TAIL_LAST_MAX`].
    pub last: Option<u32>,
    /// Go on with what is written from now on, until nobody reads any more.
    pub follow: bool,
}

/// Records that are read: whole lines as they stand in the files, each ended by a line feed, many at a time. An error ends them.
pub struct Lines(pub BoxStream<'static, Result<Bytes, StoreError>>);

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

/// What others may ask of the log of a node.
#[derive(Debug, Clone, Default)]
pub struct Asks {
    /// None where it keeps no records of others, or has them from elsewhere.
    pub append: Option<Ask<Append>>,
    /// None where it has no files.
    pub tail: Option<Ask<Tail>>,
}
