//! Where what is counted goes, beside the operator's listener.

use serde::{Deserialize, Serialize};

/// Where else than to `/metrics` what is counted goes.
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
    /// Its URL, which `/v1/metrics` is added to; none tells nobody.
    pub endpoint: Option<String>,
    /// Seconds from one sending of metrics to the next: 1 to 3600.
    pub every_s: u64,
}
