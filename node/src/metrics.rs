//! What the node counts, in OpenTelemetry's terms, shown in Prometheus' text format.
//!
//! Invariant: label values come from closed sets (actor names, route templates, codes), never from a request.

use std::sync::Arc;

use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter, MeterProvider as _},
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use portico_gateway::{Exchange, HttpMetrics};
use portico_kernel::{Node, TreeHandle};
use prometheus::{Registry, TextEncoder};

/// Upper bounds of the latency buckets, in seconds (OpenTelemetry semantic conventions for HTTP).
const LATENCY_BOUNDS_S: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Everything that is counted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    provider: Arc<SdkMeterProvider>,
}

impl Metrics {
    /// Counts nothing yet.
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .expect("a new registry has no metric that could clash");
        let provider = Arc::new(SdkMeterProvider::builder().with_reader(exporter).build());
        Self { registry, provider }
    }

    /// The meter that instruments of the node are made with.
    pub(crate) fn meter(&self) -> Meter {
        self.provider.meter("portico")
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// Shows every actor of a supervision tree.
    pub(crate) fn observe_tree(&self, tree: &TreeHandle) {
        type Reading = fn(&Node) -> u64;
        let counters: [(&str, &str, Reading); 4] = [
            ("portico.actor.handled", "Calls that an actor answered", |node| node.handled),
            ("portico.actor.crashed", "Calls that died in a crash", |node| node.crashed),
            ("portico.actor.overloaded", "Calls that were refused at the bound", |node| node.overloaded),
            ("portico.actor.late", "Calls whose deadline passed while they ran", |node| node.late),
        ];
        for (name, description, reading) in counters {
            let observe = each_actor(tree, reading);
            self.meter()
                .u64_observable_counter(name)
                .with_description(description)
                .with_callback(move |observer| observe(&mut |value, labels| observer.observe(value, labels)))
                .build();
        }
        let gauges: [(&str, &str, &str, Reading); 3] = [
            ("portico.actor.mailbox.depth", "{message}", "Messages that wait", |node| node.depth),
            ("portico.actor.mailbox.age", "ms", "Age of the oldest message that waits", |node| node.oldest_ms),
            ("portico.actor.in_flight", "{call}", "Calls that were accepted and not finished", |node| node.in_flight),
        ];
        for (name, unit, description, reading) in gauges {
            let observe = each_actor(tree, reading);
            self.meter()
                .u64_observable_gauge(name)
                .with_unit(unit)
                .with_description(description)
                .with_callback(move |observer| observe(&mut |value, labels| observer.observe(value, labels)))
                .build();
        }
    }
}

/// Reads a number off every actor and names the actor beside it.
fn each_actor(tree: &TreeHandle, reading: fn(&Node) -> u64) -> impl Fn(&mut dyn FnMut(u64, &[KeyValue])) + use<> {
    let tree = tree.clone();
    move |observe| {
        for (path, node) in tree.snapshot().actors() {
            observe(reading(&node), &[KeyValue::new("actor", path)]);
        }
    }
}

/// Measures HTTP as OpenTelemetry's semantic conventions have it.
pub(crate) struct HttpDuration(Histogram<f64>);

impl HttpDuration {
    /// Measures into `metrics`.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let meter = metrics.meter();
        let histogram = meter
            .f64_histogram("http.server.request.duration")
            .with_unit("s")
            .with_description("Duration of HTTP requests, by route template")
            .with_boundaries(LATENCY_BOUNDS_S.to_vec());
        Self(histogram.build())
    }
}

impl HttpMetrics for HttpDuration {
    fn record(&self, exchange: &Exchange<'_>) {
        let labels = [
            KeyValue::new("http.request.method", exchange.method.to_owned()),
            KeyValue::new("http.route", exchange.route.unwrap_or_default().to_owned()),
            KeyValue::new("http.response.status_code", i64::from(exchange.status)),
        ];
        self.0.record(exchange.duration.as_secs_f64(), &labels);
    }
}
