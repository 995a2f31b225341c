//! The OpenTelemetry protocol over HTTP, as metrics and spans both go by it.

use portico_kernel::Deadline;
#[cfg(feature = "distributed")]
use {crate::exit::Failure, opentelemetry_otlp::ExporterBuildError, std::time::Duration};

/// How long a collector may take to answer.
#[cfg(feature = "distributed")]
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the collector at `endpoint` takes `signal`: `metrics` or `traces`.
#[cfg(feature = "distributed")]
pub(crate) fn url(endpoint: &str, signal: &str) -> String {
    format!("{}/v1/{signal}", endpoint.trim_end_matches('/'))
}

/// The operator's: nothing can be sent there.
#[cfg(feature = "distributed")]
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
pub(crate) fn unusable(error: ExporterBuildError) -> Failure {
    Failure::config(format!("telemetry.otlp.endpoint: {error}"))
}

/// Waits until `deadline` for what has to wait for a collector when it is closed.
pub(crate) async fn closed<T: Send + 'static>(deadline: Deadline, close: impl FnOnce() -> T + Send + 'static) {
    let (sender, closed) = tokio::sync::oneshot::channel();
    // A thread that nobody waits for any longer: one of the runtime's would hold up the end of the process.
    let _nothing_is_sent_without = std::thread::Builder::new().spawn(move || sender.send(close()));
    let _a_collector_that_is_away_misses_it = tokio::time::timeout(deadline.remaining(), closed).await;
}
