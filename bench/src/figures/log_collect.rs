//! `log_collect`: records from Kafka's topic to the synced file, by the node's own collector.
//!
//! Its reference is a consumer of the same library that counts what the same topic holds, and does nothing else. rsyslog is
//! told beside it, where it is installed. All are counted from their first record on, when they have become members of a group.

mod bare;
mod rsyslog;
mod topic;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::System;
use portico_bus::kafka::{Collector, Counts, Parts, Settings, Tls};
use portico_kernel::{Deadline, Intensity, Spec, Strategy, Supervisor, SystemClock};
use portico_log::{Logs, Positions};
use portico_schema::log::{LogFiles, LogSettings};

use super::servers::Servers;
use crate::{
    figure::{Direction, Figure},
    run::{Failure, Run},
    statistics::Repeats,
};

/// Records of the topic.
const RECORDS: u64 = 1_000_000;
/// How long all of them may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often it is looked how many there are.
const LOOK: Duration = Duration::from_millis(1);

/// Measures `log_collect`.
///
/// # Errors
/// Kafka cannot be started, or records do not come.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let records = if run.options.short { 20_000 } else { RECORDS };
    let kafka = Servers::start(&run.directory("kafka")?, &["kafka"])?;
    let brokers = kafka.setting("KAFKA")?;
    let bytes = topic::fill(&settings(brokers, "filler"), &run.directory("sample")?, records)?;
    let (mut ours, mut bare, mut rsyslog) = (Repeats::default(), Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        let theirs = settings(brokers, &format!("rsyslog-{repeat}"));
        let written = rsyslog::rate_of(&theirs, &run.directory("rsyslog")?, bytes + records)?;
        if let Some(bytes_per_s) = written {
            rsyslog.add(bytes_per_s / mean(bytes + records, records));
        }
        ours.add(collect(run, settings(brokers, &format!("ours-{repeat}")), records)?);
        bare.add(bare::rate_of(&settings(brokers, &format!("bare-{repeat}")), records)?);
        run.progress(format!("log_collect {}: {:.0} against {:.0} records/s", repeat + 1, ours.last(), bare.last()));
    }
    let reference = ("a consumer of librdkafka that counts the same topic's messages", bare.median());
    Ok(vec![
        Figure::reported("log_collect", "records/s", ours.median(), reference, Direction::AtLeast)
            .note("from the topic to the synced file, with the offset kept beside it after each batch; one partition")
            .note(format!("{records} records of {} bytes, compressed by lz4", bytes / records))
            .note(beside(&ours, &rsyslog))
            .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), bare.spread())),
    ])
}

/// What rsyslog reached in the same turns.
fn beside(ours: &Repeats, rsyslog: &Repeats) -> String {
    let (ours, theirs) = (ours.median(), rsyslog.median());
    if theirs > 0.0 {
        format!("rsyslog's imkafka, into a file that it does not sync: {theirs:.0}, ratio {:.2}", ours / theirs)
    } else {
        "rsyslog's imkafka is not installed, and was not measured".to_owned()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn mean(sum: u64, count: u64) -> f64 {
    sum as f64 / count as f64
}

fn settings(brokers: &str, group: &str) -> Settings {
    Settings {
        brokers: brokers.to_owned(),
        topic: "portico.logs".to_owned(),
        group: group.to_owned(),
        tls: Tls::Disabled,
        login: None,
        partitions: 1,
        replication: None,
    }
}

/// Records a second that come into files.
fn collect(run: &Run, settings: Settings, records: u64) -> Result<f64, Failure> {
    let dir = run.directory("logs")?;
    let of_files = LogSettings { dir, rotate_bytes: 67_108_864, keep_days: 14, keep_bytes: None };
    let files = LogFiles::open(of_files, Arc::new(SystemClock)).map_err(Failure::io("log files cannot be made"))?;
    System::new().block_on(async move {
        let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
        let store = files.clone();
        let keeper = root.supervise(Spec::new("files").on("log"), move || Logs::of_others(Arc::new(store.clone())));
        let counts = Arc::<Counts>::default();
        let parts = Parts {
            settings: Arc::new(settings),
            append: keeper.ask(),
            positions: Arc::new(files) as Arc<dyn Positions>,
            counts: Arc::clone(&counts),
        };
        root.supervise(Spec::new("collector").on("log-collector"), move || Collector::new(parts.clone()));
        let whole = async {
            while counts.collected() == 0 {
                tokio::time::sleep(LOOK).await;
            }
            let (begun, before) = (Instant::now(), counts.collected());
            while counts.collected() < records {
                tokio::time::sleep(LOOK).await;
            }
            rate(records - before, begun.elapsed())
        };
        let rate = tokio::time::timeout(PATIENCE, whole).await;
        root.drain(Deadline::within(PATIENCE)).await;
        rate.map_err(|_| Failure::said(format!("{} of {records} records came into files", counts.collected())))
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn rate(records: u64, lasted: Duration) -> f64 {
    records as f64 / lasted.as_secs_f64()
}
