//! What the node counts of HTTP.

use std::time::Duration;

/// Takes note of every exchange, and of those that end before their time; the node feeds its instruments with it
/// (`http.server.request.duration`, OpenTelemetry semantic conventions).
pub trait HttpMetrics: Send + Sync + 'static {
    /// An exchange ended.
    fn record(&self, exchange: Exchange);

    /// A client was cut off that took its answer too slowly.
    fn cut_off(&self);
}

/// A request and its answer. Every text comes from a closed set, so that it can be a label.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// `http.request.method`: a method that the API knows, or `_OTHER`.
    pub method: &'static str,
    /// `http.route`: the route's template; none if no path matched.
    pub route: Option<String>,
    /// `http.response.status_code`.
    pub status: u16,
    /// From the request's head to the answer's.
    pub duration: Duration,
    /// `error.type`: the problem that it was answered with.
    pub problem: Option<&'static str>,
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMetrics;

impl HttpMetrics for NoMetrics {
    fn record(&self, _: Exchange) {}

    fn cut_off(&self) {}
}
