//! What HTTP is measured by.

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram},
};
use portico_gateway::{Exchange, HttpMetrics};

use super::Metrics;

/// Upper bounds of the latency buckets, in seconds (OpenTelemetry semantic conventions for HTTP).
const LATENCY_BOUNDS_S: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Measures HTTP as OpenTelemetry's semantic conventions have it.
pub(crate) struct HttpInstruments {
    duration: Histogram<f64>,
    problems: Counter<u64>,
    cut_off: Counter<u64>,
}

impl HttpInstruments {
    /// Measures into `metrics`.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let meter = metrics.meter();
        let duration = meter
            .f64_histogram("http.server.request.duration")
            .with_unit("s")
            .with_description("Duration of HTTP requests, by route template")
            .with_boundaries(LATENCY_BOUNDS_S.to_vec())
            .build();
        let problems = meter
            .u64_counter("portico.http.problems")
            .with_description("Requests that were answered with a problem, by its code, method and route template")
            .build();
        let cut_off = meter
            .u64_counter("portico.http.cut_off")
            .with_description("Clients cut off that took their answers too slowly")
            .build();
        Self { duration, problems, cut_off }
    }
}

impl HttpMetrics for HttpInstruments {
    fn record(&self, exchange: Exchange) {
        let route = exchange.route.unwrap_or_default();
        if let Some(problem) = exchange.problem {
            let labels = [
                KeyValue::new("http.request.method", exchange.method),
                KeyValue::new("http.route", route.clone()),
                KeyValue::new("error.type", problem),
            ];
            self.problems.add(1, &labels);
        }
        let labels = [
            KeyValue::new("http.request.method", exchange.method),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", i64::from(exchange.status)),
        ];
        self.duration.record(exchange.duration.as_secs_f64(), &labels);
    }

    fn cut_off(&self) {
        self.cut_off.add(1, &[]);
    }
}
