//! What operations of a database are measured by, as whoever asked for them waited.

use portico_kernel::{Histogram, Latency, Span, SpanKind};
use tokio::time::Instant;

/// How long operations of a database take; each is a span, too, where those are collected.
#[derive(Debug)]
pub struct Operations {
    system: &'static str,
    database: &'static str,
    reads: Histogram,
    writes: Histogram,
}

impl Operations {
    /// Nothing was measured of `database` yet, which `system` keeps: names of OpenTelemetry's semantic conventions.
    pub(super) fn new(system: &'static str, database: &'static str) -> Self {
        Self { system, database, reads: Histogram::default(), writes: Histogram::default() }
    }

    /// `db.system.name`: `sqlite` or `postgresql`.
    pub fn system(&self) -> &'static str {
        self.system
    }

    /// `db.namespace`: what it holds: `users`, `sessions` or `photos`.
    pub fn database(&self) -> &'static str {
        self.database
    }

    /// How long operations took, by their kind.
    pub fn latencies(&self) -> [(&'static str, Latency); 2] {
        [("read", self.reads.snapshot()), ("write", self.writes.snapshot())]
    }

    /// Does the `work` of a query.
    pub(super) async fn read<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.measure("read", &self.reads, work).await
    }

    /// Does the `work` of a command, from its beginning until it is committed.
    pub(super) async fn write<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.measure("write", &self.writes, work).await
    }

    async fn measure<T, E>(
        &self,
        kind: &'static str,
        times: &Histogram,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let span = Span::of_current(SpanKind::Client, || format!("{kind} {}", self.database).into());
        let began = Instant::now();
        let done = work.await;
        times.record(began.elapsed());
        if let Some(mut span) = span {
            span.set("db.system.name", self.system);
            span.set("db.namespace", self.database);
            if done.is_ok() { span.end() } else { span.fail("failed") }
        }
        done
    }
}
