//! Metrics that are sent to a collector, by OTLP over HTTP. They have a thread of their own, which waits for the collector.

use std::time::Duration;

use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_sdk::metrics::{MeterProviderBuilder, PeriodicReader};
use portico_config::Otlp;

use crate::{exit::Failure, otlp};

/// Has what `provider` counts sent to the collector that `config` names, if any.
///
/// # Errors
/// The operator's: it cannot be sent to at all.
pub(super) fn to(config: &Otlp, provider: MeterProviderBuilder) -> Result<MeterProviderBuilder, Failure> {
    let Some(endpoint) = &config.endpoint else { return Ok(provider) };
    let exporter = MetricExporter::builder()
        .with_http()
        .with_endpoint(otlp::url(endpoint, "metrics"))
        .with_timeout(otlp::TIMEOUT)
        .build()
        .map_err(otlp::unusable)?;
    let every = Duration::from_secs(config.every_s);
    Ok(provider.with_reader(PeriodicReader::builder(exporter).with_interval(every).build()))
}
