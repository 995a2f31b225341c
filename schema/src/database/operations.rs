//! What operations of a database are measured by, as whoever asked for them waited.

use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant},
};

use portico_kernel::{Span, SpanKind};

/// Takes note of an operation: of its kind, `read` or `write`, and how long it took.
type Observer = Box<dyn Fn(&'static str, Duration) + Send + Sync>;

/// The operations of a database, told to whoever observes them. Each is a span, too, where those are collected.
pub struct Operations {
    system: &'static str,
    database: &'static str,
    observer: OnceLock<Observer>,
}

impl Operations {
    /// Operations of `database`, which `system` keeps: names of OpenTelemetry's semantic conventions.
    pub(super) fn new(system: &'static str, database: &'static str) -> Self {
        Self { system, database, observer: OnceLock::new() }
    }

    /// `db.system.name`: `sqlite` or `postgresql`.
    pub fn system(&self) -> &'static str {
        self.system
    }

    /// `db.namespace`: what it holds: `users`, `sessions` or `photos`.
    pub fn database(&self) -> &'static str {
        self.database
    }

    /// Has `observer` told of each operation from now on; the first one alone.
    pub fn observe(&self, observer: impl Fn(&'static str, Duration) + Send + Sync + 'static) {
        let _there_is_one = self.observer.set(Box::new(observer));
    }

    /// Does the `work` of a query.
    pub(super) async fn read<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.measure("read", work).await
    }

    /// Does the `work` of a command, from its beginning until it is committed.
    pub(super) async fn write<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.measure("write", work).await
    }

    async fn measure<T, E>(&self, kind: &'static str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let span = Span::of_current(SpanKind::Client, || format!("{kind} {}", self.database).into());
        let began = Instant::now();
        let done = work.await;
        if let Some(observe) = self.observer.get() {
            observe(kind, began.elapsed());
        }
        if let Some(mut span) = span {
            span.set("db.system.name", self.system);
            span.set("db.namespace", self.database);
            span.set("db.operation.name", kind);
            if done.is_ok() { span.end() } else { span.fail("failed") }
        }
        done
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operations({} {})", self.system, self.database)
    }
}
