//! Reads all log files, and holds them against what the node said it had accepted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;

use super::{Findings, operations::text};

/// Every record that stands in the files.
#[derive(Default)]
pub(super) struct Logs {
    /// The sequences of each run of the node.
    runs: HashMap<String, HashSet<u64>>,
    /// How often each actor was said to have met what end.
    told: BTreeMap<(String, String), u64>,
    records: u64,
}

impl Logs {
    /// Reads every file of the directory from its beginning. A node must not be writing.
    pub(super) fn read(directory: &Path, findings: &Findings) -> Self {
        let mut logs = Self::default();
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(file) = File::open(&path) else { continue };
            match form(&path) {
                Some("gz") => logs.lines(&name, BufReader::new(GzDecoder::new(BufReader::new(file))), findings),
                Some("jsonl") => logs.lines(&name, BufReader::new(file), findings),
                _ => {}
            }
        }
        logs
    }

    fn lines(&mut self, name: &str, mut lines: impl BufRead, findings: &Findings) {
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => return findings.violation(format!("{name} cannot be read: {error}")),
            }
            match serde_json::from_slice::<Value>(&line) {
                Ok(record) if line.ends_with(b"\n") && record.is_object() => self.record(name, &record, findings),
                _ => findings.violation(format!("{name}: no whole line: {}", String::from_utf8_lossy(&line))),
            }
        }
    }

    fn record(&mut self, name: &str, record: &Value, findings: &Findings) {
        self.records += 1;
        let run = self.runs.entry(run_of(record)).or_default();
        let fresh = record["sequence"].as_u64().is_some_and(|sequence| run.insert(sequence));
        findings.hold(fresh, || format!("{name}: a record stands twice, or has no sequence: {record}"));
        let actor = text(&record["Attributes"]["actor"]);
        if !actor.is_empty() {
            let told = format!("{} {}", text(&record["Body"]), text(&record["Attributes"]["panic"]));
            *self.told.entry((actor, told.trim_end().to_owned())).or_default() += 1;
        }
    }

    /// How many records of a run stand without a gap from the first.
    pub(super) fn gapless(&self, run: &str) -> u64 {
        let Some(sequences) = self.runs.get(run) else { return 0 };
        (1..=sequences.len() as u64).take_while(|sequence| sequences.contains(sequence)).count() as u64
    }

    /// Whether all records of a run stand without a gap: true of a node that stopped in order.
    pub(super) fn is_whole(&self, run: &str) -> bool {
        self.runs.get(run).is_some_and(|sequences| sequences.len() as u64 == self.gapless(run))
    }

    /// How many records say this of an actor: their text, and what the panic said.
    pub(super) fn told(&self, actor: &str, beginning: &str) -> u64 {
        let of_actor = self.told.iter().filter(|((known, told), _)| known == actor && told.starts_with(beginning));
        of_actor.map(|(_, count)| count).sum()
    }

    /// How many runs wrote records.
    pub(super) fn runs(&self) -> u64 {
        self.runs.len() as u64
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }
}

/// How a file's name ends; a file that is being compressed, `.jsonl.gz.tmp`, holds nothing of its own.
fn form(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}

fn run_of(record: &Value) -> String {
    format!("{} {}", text(&record["Resource"]["service.instance.id"]), text(&record["boot"]))
}

/// The run that wrote the latest record.
pub(super) fn latest_run(directory: &Path) -> Option<String> {
    const TAIL_BYTES: usize = 64 * 1024;
    let mut latest: Option<(String, String)> = None;
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if form(&entry.path()) != Some("jsonl") {
            continue;
        }
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let lines = tail.split_inclusive(|byte| *byte == b'\n').rev();
        let record =
            lines.filter(|line| line.ends_with(b"\n")).find_map(|line| serde_json::from_slice::<Value>(line).ok());
        let Some(record) = record else { continue };
        let time = text(&record["Timestamp"]);
        if latest.as_ref().is_none_or(|(known, _)| *known < time) {
            latest = Some((time, run_of(&record)));
        }
    }
    latest.map(|(_, run)| run)
}
