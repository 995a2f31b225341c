//! Log records, as they stand in files.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

/// The sequences of each run of a node, as they stand in all files of a directory that are not compressed.
///
/// # Panics
/// When a line is none.
pub fn runs(logs: &Path) -> BTreeMap<String, Vec<u64>> {
    let files = fs::read_dir(logs).into_iter().flatten().flatten().map(|entry| entry.path());
    let plain = files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    let mut runs = BTreeMap::<String, Vec<u64>>::new();
    for path in plain {
        let text = fs::read_to_string(path).expect("it is text");
        // The last line may still be on its way to the disk.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let record: Value = serde_json::from_str(line).expect("each line is whole");
            let run = runs.entry(record["boot"].as_str().expect("it names its run").to_owned()).or_default();
            run.push(record["sequence"].as_u64().expect("it is numbered"));
        }
    }
    for run in runs.values_mut() {
        run.sort_unstable();
    }
    runs
}

/// Holds that every run stands from its first record to its last, each once.
///
/// # Panics
/// When one does not.
pub fn whole(logs: &Path) {
    for (run, sequences) in runs(logs) {
        let expected: Vec<_> = (1..=sequences.len() as u64).collect();
        assert_eq!(sequences, expected, "the records of {run}");
    }
}
