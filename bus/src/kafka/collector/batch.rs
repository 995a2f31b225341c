//! Messages of the topic that are kept together.

use portico_log::{APPEND_RECORDS_MAX, Offsets, Record};
use rdkafka::{Message, message::BorrowedMessage};

/// The bytes at which a batch is closed: far less than the end of a log file that is looked at for repetitions.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// What was taken from the topic.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    pub(super) dead: Vec<Dead>,
    /// Where each partition is to be read on.
    pub(super) next: Offsets,
    bytes: usize,
}

/// A message that is no record.
pub(super) struct Dead {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) reason: String,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() + self.dead.len() >= APPEND_RECORDS_MAX || self.bytes >= BYTES_MAX
    }

    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>) {
        self.bytes += message.payload_len();
        self.next.insert(message.partition(), message.offset() + 1);
        match message.payload().map(Record::parse) {
            Some(Ok(record)) => self.records.push(record),
            Some(Err(bad)) => self.dead.push(Dead::new(message, chain(&bad))),
            None => self.dead.push(Dead::new(message, "message has no payload".to_owned())),
        }
    }
}

impl Dead {
    fn new(message: &BorrowedMessage<'_>, reason: String) -> Self {
        let (partition, offset) = (message.partition(), message.offset());
        let [key, payload] = [message.key(), message.payload()].map(|bytes| bytes.map(<[u8]>::to_vec));
        Self { partition, offset, key, payload, reason }
    }
}

/// An error with its causes, outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |chain, cause| format!("{chain}: {cause}"))
}
