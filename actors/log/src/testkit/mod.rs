//! What tests of the log need: records, a store in memory that fails when told to, and the contract of the store's port.

pub mod contract;
mod memory;

use time::OffsetDateTime;
use uuid::Uuid;

pub use memory::Memory;

use crate::{
    Origin, Record, Service, Severity,
    line::{OriginJson, Parts, finish, json},
};

/// The record with this sequence of a run, saying `body`.
pub fn record(service: &str, origin: &Origin, sequence: u64, time: OffsetDateTime, body: &str) -> Record {
    let (service, mut body_json, mut line) = (Service::parse(service).expect("a test's name"), Vec::new(), Vec::new());
    json(&mut body_json, body);
    let (severity, attributes_json) = (Severity::Info, &[] as &[u8]);
    let parts =
        Parts { time, severity, trace: None, body_json: &body_json, attributes_json, service: &service, scope: "test" };
    parts.write(&OriginJson::new(origin), &mut line);
    finish(&mut line, sequence);
    Record::new(service, time, origin, sequence, line)
}

/// A run of the node `test`, told apart by a number.
pub fn origin(run: u128) -> Origin {
    Origin { boot: Uuid::from_u128(run), ..Origin::new("test", "0.0.0") }
}
