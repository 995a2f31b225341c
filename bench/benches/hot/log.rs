//! A log call, on its caller's side: the gateway's own record of a request, within a span and a trace, into a queue that is
//! not full.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use criterion::Criterion;
use portico_bench::figures::log::{log, within_request};
use portico_kernel::{StoreError, SystemClock};
use portico_log::{Limits, Origin, Record, Store, channel};

use crate::system::Driver;

/// Calls until the queue is emptied, which does not count.
const BURST: usize = 1_024;

pub(crate) fn measure(criterion: &mut Criterion) {
    let driver = Driver::new();
    let (layer, inbox) = channel(Origin::new("bench", "0"), Limits::default(), Arc::new(SystemClock));
    within_request(layer, || {
        criterion.bench_function("log call", |bench| {
            bench.iter_custom(|calls| {
                let mut took = Duration::ZERO;
                let calls = usize::try_from(calls).expect("there is time for no more");
                for first in (0..calls).step_by(BURST) {
                    let began = Instant::now();
                    (first..calls.min(first + BURST)).for_each(log);
                    took += began.elapsed();
                    driver.run(inbox.drain(&Nowhere)).expect("it takes everything");
                }
                took
            });
        });
    });
    assert_eq!(inbox.stats().refused, 0, "a call that is refused costs less");
}

/// Takes everything and keeps nothing.
struct Nowhere;

#[async_trait]
impl Store for Nowhere {
    async fn append(&self, _: Arc<[Record]>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn tend(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
