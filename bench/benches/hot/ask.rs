//! A call through the kernel, beside actix's own `Addr::send` to the same actor on a thread of its own.
//!
//! The kernel's call is bounded, has a deadline, says whether it ran, is counted, and survives the actor's crash; this is
//! the price of that.

use actix::{Actor as _, Arbiter};
use criterion::{Criterion, Throughput};
use portico_bench::figures::ask_local::{CONCURRENT, Echo, Say, call, send, side_by_side};
use portico_kernel::{Intensity, Spec, Strategy, Supervisor};

use crate::system::Driver;

/// Calls of one round of those that are made at the same time.
const CALLS: u32 = 1_024;

pub(crate) fn measure(criterion: &mut Criterion) {
    let driver = &Driver::new();
    let (address, ask) = driver.run(async {
        let address = Echo::start_in_arbiter(&Arbiter::new().handle(), |_| Echo);
        let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
        (address, root.supervise(Spec::new("echo").on("echo"), || Echo).ask::<Say>())
    });

    let mut lone = criterion.benchmark_group("ask, one after the other");
    lone.bench_function("actix", |bench| bench.to_async(driver).iter(|| send(&address, 1)));
    lone.bench_function("kernel", |bench| bench.to_async(driver).iter(|| call(&ask, 1)));
    lone.finish();

    let (send, call) = (async |number| send(&address, number).await, async |number| call(&ask, number).await);
    let mut crowd = criterion.benchmark_group(format!("ask, {CONCURRENT} at the same time"));
    crowd.throughput(Throughput::Elements(CALLS.into()));
    crowd.bench_function("actix", |bench| bench.to_async(driver).iter(|| side_by_side(&send, CALLS)));
    crowd.bench_function("kernel", |bench| bench.to_async(driver).iter(|| side_by_side(&call, CALLS)));
    crowd.finish();
}
