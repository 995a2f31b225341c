//! The log pipeline as the node puts it together: filter, layer, queue, actor and files.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use actix::System;
use async_trait::async_trait;
use portico_kernel::{Clock, Intensity, Spec, StoreError, Strategy, Supervisor, SystemClock, TraceContext};
use portico_log::{Flush, Inbox, Layer, Limits, Logs, Origin, Record, Store, channel};
use portico_schema::log::{LogFiles, LogSettings};
use tracing::field;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
};

use crate::run::Failure;

/// `log.queue_max` of `config/default.yml`, and the node's own bound in bytes.
const LIMITS: Limits = Limits { records_max: 65_536, bytes_max: 16 * 1024 * 1024 };
/// `log.flush_ms`.
const FLUSH: Duration = Duration::from_millis(200);
/// `log.rotate_bytes`.
const ROTATE_BYTES: u64 = 67_108_864;
/// How many records are logged between two looks at the queue.
const STRIDE: usize = 1_024;
/// How long one waits for the writer before the next look.
const WAIT: Duration = Duration::from_micros(50);

/// What a pipeline wrote.
#[derive(Default)]
pub(super) struct Written {
    /// How many records were written before each sync.
    pub(super) batches: Vec<usize>,
    /// The length of all lines.
    pub(super) bytes: usize,
    /// The first batch.
    pub(super) sample: Option<Arc<[Record]>>,
    /// From the first call to the last sync.
    pub(super) lasted: Duration,
}

/// Has `work` log on a thread of its own into files in `dir`, within a request's span and trace, and waits until all of it
/// is on the disk.
///
/// # Errors
/// A file cannot be written, or a record was refused.
pub(super) fn run<T: Send + 'static>(
    dir: &Path,
    work: impl FnOnce(&Inbox) -> T + Send + 'static,
) -> Result<(T, Written), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let settings = LogSettings { dir: dir.to_owned(), rotate_bytes: ROTATE_BYTES, keep_days: 14, keep_bytes: None };
    let files = LogFiles::open(settings, Arc::clone(&clock)).map_err(Failure::io("log files cannot be made"))?;
    let store = Arc::new(Counted { files, written: Mutex::default() });
    let (layer, inbox) = channel(Origin::new("bench", env!("CARGO_PKG_VERSION")), LIMITS, clock);
    let result = System::new().block_on(log_all(layer, inbox.clone(), Arc::clone(&store), work));
    let (result, lasted) = result?;
    let stats = inbox.stats();
    if stats.refused > 0 || stats.failures > 0 {
        return Err(Failure::said(format!(
            "{} log records were refused, {} times the files failed",
            stats.refused, stats.failures
        )));
    }
    let written = std::mem::take(&mut *store.written());
    Ok((result, Written { lasted, ..written }))
}

async fn log_all<T: Send + 'static>(
    layer: Layer,
    inbox: Inbox,
    store: Arc<Counted>,
    work: impl FnOnce(&Inbox) -> T + Send + 'static,
) -> Result<(T, Duration), Failure> {
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let actor = root.supervise(Spec::new("log").on("log"), {
        let inbox = inbox.clone();
        move || Logs::new(inbox.clone(), Arc::clone(&store) as Arc<dyn Store>, FLUSH)
    });
    let flush = actor.ask::<Flush>().timeout(Duration::from_mins(1));
    flush.ask(Flush).await.map_err(Failure::said)?; // it runs
    let began = Instant::now();
    let result = tokio::task::spawn_blocking(move || within_request(layer, || work(&inbox))).await;
    flush.ask(Flush).await.map_err(Failure::said)?;
    Ok((result.map_err(Failure::said)?, began.elapsed()))
}

/// Runs `work` where the node runs a handler: within the gateway's span of a request, and its trace.
pub fn within_request<T>(layer: Layer, work: impl FnOnce() -> T) -> T {
    let subscriber = tracing_subscriber::registry().with(Targets::new().with_default(LevelFilter::INFO)).with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!(
            "request",
            otel.kind = "server",
            http.request.method = "GET",
            http.route = "/me",
            http.response.status_code = field::Empty,
            http.request.id = "0197f000-0000-7000-8000-000000000001",
        );
        TraceContext::new_root().sync_scope(|| span.in_scope(work))
    })
}

/// Logs what the gateway logs of a request.
#[expect(clippy::cast_precision_loss, reason = "any duration will do")]
pub fn log(number: usize) {
    tracing::info!(
        http.request.method = "GET",
        http.route = "/me",
        http.response.status_code = 200_u16,
        http.server.request.duration_s = number as f64 * 1e-9,
        http.request.id = "0197f000-0000-7000-8000-000000000001",
        "request answered",
    );
}

/// Logs `records` as fast as the writer takes them: it waits before the queue would be full.
pub(super) fn log_paced(records: usize, inbox: &Inbox) {
    for number in 0..records {
        if number % STRIDE == 0 {
            while inbox.stats().waiting_bytes > LIMITS.bytes_max / 4 * 3 {
                thread::sleep(WAIT);
            }
        }
        log(number);
    }
}

/// The log's files, and a note of what they were given.
struct Counted {
    files: LogFiles,
    written: Mutex<Written>,
}

impl Counted {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Counted {
    async fn append(&self, batch: Arc<[Record]>) -> Result<(), StoreError> {
        self.files.append(Arc::clone(&batch)).await?;
        let mut written = self.written();
        written.batches.push(batch.len());
        written.bytes += batch.iter().map(|record| record.line().len()).sum::<usize>();
        written.sample.get_or_insert(batch);
        Ok(())
    }

    async fn tend(&self) -> Result<(), StoreError> {
        self.files.tend().await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.files.check().await
    }
}
