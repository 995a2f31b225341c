//! `log_ingest` and `log_call`: the log's whole way in process (layer, queue, actor, files), and its caller's part of it.
//!
//! `log_ingest` counts from the `tracing` call to the synced file. Its reference is handed the finished lines and does
//! nothing but write them through a buffer and sync as often, after the same records.

mod bare;
mod pipeline;

use std::time::{Duration, Instant};

pub use self::pipeline::{log, within_request};
use crate::{
    figure::Figure,
    load::Sample,
    run::{Failure, Run},
    statistics::Repeats,
};

/// Records of one turn of `log_ingest`.
const RECORDS: usize = 500_000;
/// Calls of one turn of `log_call`.
const CALLS: usize = 200_000;
/// Calls between two pauses: a burst that the writer easily keeps up with.
const BURST: usize = 64;
/// The pause.
const PAUSE: Duration = Duration::from_micros(500);
/// How long a call may take at the median.
const CALL_US: f64 = 2.0;

/// Measures `log_ingest`.
///
/// # Errors
/// A file cannot be written, or a record was refused.
pub fn ingest(run: &Run) -> Result<Vec<Figure>, Failure> {
    let records = run.count(RECORDS, 20_000);
    let (mut ours, mut bare, mut syncs, mut length) =
        (Repeats::default(), Repeats::default(), Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        let logs = run.directory("logs")?;
        let ((), written) = pipeline::run(&logs, move |inbox| pipeline::log_paced(records, inbox))?;
        ours.add(count(records) / written.lasted.as_secs_f64());
        bare.add(bare::rate(&run.directory("bare")?, &written)?);
        syncs.add(count(written.batches.len()));
        length.add(count(written.bytes) / count(records));
        run.progress(format!("log_ingest {}: {:.0} against {:.0} records/s", repeat + 1, ours.last(), bare.last()));
    }
    let reference =
        ("the same lines, ready made, through a buffered writer that syncs after the same records", bare.median());
    Ok(vec![
        Figure::at_least("log_ingest", "records/s", ours.median(), reference, 0.5)
            .note("from the tracing call under a request's span and trace, by one thread, to the synced file; none was refused")
            .note(format!(
                "{records} records of {:.0} bytes, {:.0} syncs; {:.0} MB/s against {:.0} MB/s",
                length.median(),
                syncs.median(),
                ours.median() * length.median() / 1e6,
                bare.median() * length.median() / 1e6
            ))
            .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), bare.spread())),
    ])
}

/// Lines as they are written.
#[cfg(feature = "distributed")]
pub(super) fn lines(scratch: &std::path::Path) -> Result<Vec<String>, Failure> {
    let ((), written) = pipeline::run(scratch, |inbox| pipeline::log_paced(1_000, inbox))?;
    let sample = written.sample.ok_or_else(|| Failure::said("the log wrote nothing"))?;
    Ok(sample.iter().map(|record| String::from_utf8_lossy(record.line()).into_owned()).collect())
}

/// Measures `log_call`.
///
/// # Errors
/// A file cannot be written, or a record was refused.
pub fn call(run: &Run) -> Result<Vec<Figure>, Failure> {
    let calls = run.count(CALLS, 2_000);
    let (mut median, mut p99, mut clock) = (Repeats::default(), Repeats::default(), Repeats::default());
    for _ in 0..run.repeats() {
        let (sample, _) = pipeline::run(&run.directory("logs")?, move |_| time_calls(calls))?;
        median.add(us(sample.quantile(0.5)));
        p99.add(us(sample.quantile(0.99)));
        clock.add(us(time_the_clock(calls).quantile(0.5)));
    }
    Ok(vec![
        Figure::at_most("log_call", "us (median)", median.median(), ("the limit", CALL_US), 1.0)
            .note("the gateway's own record of a request: five fields, within a span of four fields and a trace")
            .note(format!("p99 {:.2} us; reading the clock twice is {:.3} us of each", p99.median(), clock.median()))
            .note(format!("{} repeats of {calls} calls in bursts of {BURST}: {}", run.repeats(), median.spread())),
    ])
}

fn time_calls(calls: usize) -> Sample {
    let mut sample = Sample::default();
    for number in 0..calls {
        if number % BURST == 0 {
            std::thread::sleep(PAUSE);
        }
        let began = Instant::now();
        pipeline::log(number);
        sample.add(began.elapsed());
    }
    sample
}

fn time_the_clock(times: usize) -> Sample {
    let mut sample = Sample::default();
    for _ in 0..times {
        let began = Instant::now();
        sample.add(began.elapsed());
    }
    sample
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}
