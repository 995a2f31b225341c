//! What the log domain does for others.

use std::sync::Arc;

use actix::Message;

use crate::{Error, Record};

/// The most records of one [`Append`].
pub const APPEND_RECORDS_MAX: usize = 4_096;

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
