//! The contract of the store's port, as tests that each adapter runs.

use std::sync::Arc;

use time::{OffsetDateTime, macros::datetime};

use super::{origin, record};
use crate::{Record, Store};

/// When the contract's records happen; a store with a clock should stand near it.
pub const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

/// An adapter under test.
pub trait Subject {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;
    /// Drops the store without a farewell and opens it again.
    fn crash(&mut self);
    /// All lines that are kept, those of a service in the order in which they stand.
    fn lines(&self) -> Vec<Vec<u8>>;
}

/// Runs the whole contract, each part on a subject of its own.
///
/// # Panics
/// When the adapter breaks it.
pub async fn hold<S: Subject>(make: impl Fn() -> S) {
    what_was_appended_stands_in_its_order(make()).await;
    a_repetition_is_kept_once(make()).await;
    a_repetition_is_known_after_a_crash(make()).await;
    runs_nodes_and_services_are_told_apart(make()).await;
    nothing_is_asked_of_an_empty_batch(make()).await;
    make().store().tend().await.expect("it can be tended");
    make().store().check().await.expect("it can be checked");
}

async fn what_was_appended_stands_in_its_order(subject: impl Subject) {
    let records = run("user", 1, 1..=100);

    append(&subject, &records).await;

    assert_eq!(subject.lines(), lines(&records));
}

async fn a_repetition_is_kept_once(subject: impl Subject) {
    let records = run("user", 1, 1..=10);

    append(&subject, &records[..6]).await;
    append(&subject, &records[3..]).await;
    append(&subject, &records).await;

    assert_eq!(subject.lines(), lines(&records));
}

async fn a_repetition_is_known_after_a_crash(mut subject: impl Subject) {
    let records = run("user", 1, 1..=10);
    append(&subject, &records[..6]).await;

    subject.crash();
    append(&subject, &records).await;

    assert_eq!(subject.lines(), lines(&records));
}

async fn runs_nodes_and_services_are_told_apart(subject: impl Subject) {
    let (first, second, other) = (run("user", 1, 5..=6), run("user", 2, 1..=2), run("photo", 1, 1..=2));

    for records in [&first, &second, &other] {
        append(&subject, records).await;
    }

    let mut expected = lines(&[first, second, other].concat());
    let mut found = subject.lines();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

async fn nothing_is_asked_of_an_empty_batch(subject: impl Subject) {
    append(&subject, &[]).await;

    assert!(subject.lines().is_empty());
}

async fn append(subject: &impl Subject, records: &[Record]) {
    subject.store().append(records.into()).await.expect("it takes records");
}

fn run(service: &str, run: u128, sequences: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    let origin = origin(run);
    sequences.map(|sequence| record(service, &origin, sequence, NOW, &format!("{service} {run} {sequence}"))).collect()
}

fn lines(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(|record| record.line().to_vec()).collect()
}
