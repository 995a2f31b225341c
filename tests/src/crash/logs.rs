//! Reads all log files, and holds them against what the node said it had accepted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;
use uuid::Uuid;

use super::{Findings, operations::text};
use crate::Node;

/// A run of a node.
#[derive(Debug, Clone)]
pub(super) enum Run {
    /// By its name: instance and boot.
    Named(String),
    /// By two moments between which it began. A boot is a UUID of version 7, which begins with the time.
    Begun([Uuid; 2]),
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Begun([after, before]) => write!(f, "between {after} and {before}"),
        }
    }
}

impl Run {
    /// The run of a node.
    pub(super) fn of(node: &Node) -> Self {
        Self::Begun(node.began())
    }

    fn is(&self, name: &str) -> bool {
        match self {
            Self::Named(own) => own == name,
            Self::Begun([after, before]) => {
                let boot = name.rsplit(' ').next().and_then(|boot| Uuid::parse_str(boot).ok());
                boot.is_some_and(|boot| (*after..=*before).contains(&boot))
            }
        }
    }
}

/// Every record that stands in the files.
#[derive(Default)]
pub(super) struct Logs {
    /// The sequences of each run of the node.
    runs: HashMap<String, HashSet<u64>>,
    /// How often each actor was said to have met what end.
    told: BTreeMap<(String, String), u64>,
    /// What stands again, of each run in each file: how many records, and the first of them.
    again: BTreeMap<(String, String), (u64, String)>,
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
        for ((file, run), (count, first)) in &logs.again {
            let what = "a record stands twice, or has no sequence";
            findings.violation(format!("{file}: {what}, {count} times in {run}, the first is {first}"));
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
                Ok(record) if line.ends_with(b"\n") && record.is_object() => self.record(name, &record),
                _ => findings.violation(format!("{name}: no whole line: {}", String::from_utf8_lossy(&line))),
            }
        }
    }

    fn record(&mut self, name: &str, record: &Value) {
        self.records += 1;
        let run = run_of(record);
        let known = self.runs.entry(run.clone()).or_default();
        let fresh = record["sequence"].as_u64().is_some_and(|sequence| known.insert(sequence));
        if !fresh {
            self.again.entry((name.to_owned(), run)).or_insert_with(|| (0, record.to_string())).0 += 1;
        }
        let actor = text(&record["Attributes"]["actor"]);
        if !actor.is_empty() {
            let told = format!("{} {}", text(&record["Body"]), text(&record["Attributes"]["panic"]));
            *self.told.entry((actor, told.trim_end().to_owned())).or_default() += 1;
        }
    }

    /// How many records of a run stand without a gap from the first.
    pub(super) fn gapless(&self, run: &Run) -> u64 {
        let sequences = self.runs.iter().find_map(|(name, sequences)| run.is(name).then_some(sequences));
        sequences.map_or(0, gapless)
    }

    /// Whether all records of a run stand without a gap: true of a node that stopped in order.
    pub(super) fn is_whole(&self, run: &str) -> bool {
        self.runs.get(run).is_some_and(|sequences| sequences.len() as u64 == gapless(sequences))
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

/// How many sequences there are without a gap from 1.
fn gapless(sequences: &HashSet<u64>) -> u64 {
    (1..=sequences.len() as u64).take_while(|sequence| sequences.contains(sequence)).count() as u64
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
    let latest = last_records(directory).into_iter().max_by_key(|record| text(&record["Timestamp"]));
    latest.map(|record| run_of(&record))
}

/// The highest sequence of a run among the last records of each file.
pub(super) fn reached(directory: &Path, run: &Run) -> Option<u64> {
    let of_run = last_records(directory).into_iter().filter(|record| run.is(&run_of(record)));
    of_run.filter_map(|record| record["sequence"].as_u64()).max()
}

/// The last whole record of each file that is being written.
fn last_records(directory: &Path) -> Vec<Value> {
    let paths = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| form(path) == Some("jsonl")).filter_map(|path| last_record(&path)).collect()
}

fn last_record(path: &Path) -> Option<Value> {
    const TAIL_BYTES: usize = 64 * 1024;
    let bytes = std::fs::read(path).ok()?;
    let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    let lines = tail.split_inclusive(|byte| *byte == b'\n').rev();
    lines.filter(|line| line.ends_with(b"\n")).find_map(|line| serde_json::from_slice(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_when_it_began() {
        let [earlier, after, boot, before] = [(); 4].map(|()| Uuid::now_v7());
        let run = Run::Begun([after, before]);

        assert!(run.is(&format!("host {boot}")));
        assert!(!run.is(&format!("host {earlier}")) && !run.is("host"));
    }
}
