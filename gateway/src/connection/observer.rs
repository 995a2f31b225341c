//! Takes note of what no middleware sees: what becomes of a connection beside its requests.
//!
//! Invariant: whatever clients do, few records a second are made of it; how many were left out stands in the next one, and
//! metrics count them all.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{http::StatusCode, web::Data};
use tokio::time::Instant;

use crate::{
    metrics::{Exchange, HttpMetrics},
    problem::Code,
    settings::Settings,
};

/// What the connections of all workers tell, and what they are told.
pub(crate) struct Observer {
    settings: Data<Settings>,
    metrics: Arc<dyn HttpMetrics>,
    refusals: Records,
    cuts: Records,
}

impl Observer {
    /// Counts with `metrics`.
    pub(crate) fn new(settings: Data<Settings>, metrics: Arc<dyn HttpMetrics>) -> Self {
        Self { settings, metrics, refusals: Records::default(), cuts: Records::default() }
    }

    /// Whether the node is shutting down.
    pub(super) fn is_draining(&self) -> bool {
        self.settings.is_draining()
    }

    /// A client was answered before there was a request, so long after it had to send one.
    pub(super) fn refused(&self, code: Code, status: StatusCode, id: &str, waited: Duration) {
        let status = status.as_u16();
        let problem = Some(code.name());
        self.metrics.record(Exchange { method: "_OTHER", route: None, status, duration: waited, problem });
        if let Some(left_out) = self.refusals.next() {
            tracing::info!(
                http.response.status_code = status,
                http.request.id = id,
                error.type = code.name(),
                left_out,
                "request refused before it was whole",
            );
        }
    }

    /// A client was cut off that takes its answer too slowly.
    pub(super) fn cut_off(&self) {
        self.metrics.cut_off();
        if let Some(left_out) = self.cuts.next() {
            tracing::info!(left_out, "client cut off that takes its answer too slowly");
        }
    }
}

/// Lets a few records through a second.
#[derive(Debug, Default)]
struct Records(Mutex<Second>);

/// The current second.
#[derive(Debug, Default)]
struct Second {
    began: Option<Instant>,
    made: u32,
    left_out: u64,
}

impl Records {
    const PER_SECOND: u32 = 10;

    /// How many were left out since the last one; none if this one is left out as well.
    fn next(&self) -> Option<u64> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if second.began.is_none_or(|began| began.elapsed() >= Duration::from_secs(1)) {
            (second.began, second.made) = (Some(Instant::now()), 0);
        }
        if second.made == Self::PER_SECOND {
            second.left_out += 1;
            return None;
        }
        second.made += 1;
        Some(std::mem::take(&mut second.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_makes_few_records_and_the_next_one_tells_how_many_were_left_out() {
        let records = Records::default();

        let made = (0..1000).filter(|_| records.next() == Some(0)).count();
        tokio::time::advance(Duration::from_secs(1)).await;

        assert_eq!(made, 10);
        assert_eq!((records.next(), records.next()), (Some(990), Some(0)));
    }
}
