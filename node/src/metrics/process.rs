//! What the process takes of the machine, as OpenTelemetry's semantic conventions for processes name it.

use opentelemetry::{KeyValue, metrics::Meter};
use procfs::{
    page_size,
    process::{Process, Stat},
    ticks_per_second,
};

/// Shows it, as the system tells it whenever it is asked for.
pub(super) fn observe(meter: &Meter) {
    meter
        .f64_observable_counter("process.cpu.time")
        .with_unit("s")
        .with_description("Processor time, by whose it was")
        .with_callback(|observer| {
            let Some(stat) = stat() else { return };
            for (mode, ticks) in [("user", stat.utime), ("system", stat.stime)] {
                observer.observe(seconds(ticks), &[KeyValue::new("cpu.mode", mode)]);
            }
        })
        .build();
    let gauge = |name: &'static str, unit: &'static str, description: &'static str, read: fn() -> Option<u64>| {
        meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |observer| read().into_iter().for_each(|value| observer.observe(value, &[])))
            .build();
    };
    gauge("process.memory.usage", "By", "Memory that is resident", || Some(stat()?.rss * page_size()));
    gauge("process.thread.count", "{thread}", "Threads", || stat()?.num_threads.try_into().ok());
    gauge("process.unix.file_descriptor.count", "{file_descriptor}", "Descriptors that are open", descriptors);
}

fn stat() -> Option<Stat> {
    Process::myself().and_then(|process| process.stat()).ok()
}

fn descriptors() -> Option<u64> {
    Process::myself().and_then(|process| process.fd_count()).ok()?.try_into().ok()
}

#[expect(clippy::cast_precision_loss, reason = "2^52 ticks are a million years")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / ticks_per_second() as f64
}
