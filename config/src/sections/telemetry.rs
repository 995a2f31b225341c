//! Where what is counted and traced goes, beside the operator's listener.

use serde::{Deserialize, Serialize};

/// Where else than to `/metrics` and the log what is counted and traced goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The OpenTelemetry protocol.
    pub otlp: Otlp,
}

/// A collector that is told by OTLP over HTTP.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Its URL, which `/v1/metrics` and `/v1/traces` are added to; none tells nobody.
    pub endpoint: Option<String>,
    /// Seconds from one sending of metrics to the next: 1 to 3600.
    pub every_s: u64,
    /// Which part of the traces that begin here is sent: 0 to 1. Of others it was decided where they began.
    pub trace_ratio: f64,
}
