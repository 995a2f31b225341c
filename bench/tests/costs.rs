//! The figures that tell what a node costs (memory, time to start, photos, records, calls) are measured and judged. What
//! they come to is not judged here: a test machine is busy.

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A short run of the figures `names`, and what it wrote.
fn short_run(names: &[&str], path: &str) -> (Output, Vec<Value>) {
    let directory = TempDir::new().unwrap();
    let out = directory.path().join("latest.json");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.arg("--short").arg("--node").arg(portico_tests::binary()).arg("--out").arg(&out).args(names);
    let ran = bench.env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(matches!(ran.status.code(), Some(0 | 1)), "1 for a missed floor, 0 for none: {said}");
    let figures = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    (ran, figures)
}

#[test]
fn a_short_run_measures_what_a_node_costs() {
    const NAMES: [&str; 12] = [
        "profile_scale",
        "photo_page_scale",
        "photo_upload",
        "photo_upload_memory",
        "log_ingest",
        "log_call",
        "ask_local_other_thread",
        "ask_local_same_thread",
        "idle_memory",
        "memory_100k_sessions",
        "start_ms",
        "binary_mb",
    ];

    let (_, figures) = short_run(&NAMES, &std::env::var("PATH").unwrap_or_default());

    assert_eq!(names(&figures), NAMES);
    for figure in figures {
        let number = |key: &str| figure[key].as_f64().unwrap_or_else(|| panic!("{key} in {figure}"));
        let kept = match figure["direction"].as_str().unwrap() {
            "at_least" => number("ratio") >= number("floor"),
            "at_most" => number("ratio") <= number("floor"),
            other => panic!("{other} is no direction"),
        };
        assert_eq!(figure["pass"], kept, "{figure}");
        is_measured(&figure);
    }
}

#[cfg(feature = "distributed")]
#[test]
fn a_short_run_measures_what_a_node_of_many_does_beside_its_servers() {
    const NAMES: [&str; 3] = ["log_collect", "session_check", "outbox_publish"];

    let (ran, figures) = short_run(&NAMES, &std::env::var("PATH").unwrap_or_default());

    assert_eq!(ran.status.code(), Some(0), "they have no floors");
    assert_eq!(names(&figures), NAMES);
    figures.iter().for_each(is_measured);
}

#[cfg(feature = "distributed")]
#[test]
fn a_short_run_measures_what_calls_between_nodes_cost() {
    const NAMES: [&str; 9] = [
        "me_remote",
        "verify_remote",
        "sign_in_remote",
        "photo_two_hops",
        "upload_two_hops",
        "me_remote_bare",
        "me_remote_tls",
        "session_nodes_2",
        "session_nodes_4",
    ];

    let (ran, figures) = short_run(&NAMES, &std::env::var("PATH").unwrap_or_default());

    assert_eq!(ran.status.code(), Some(0), "they have no floors");
    assert_eq!(names(&figures), NAMES);
    figures.iter().for_each(is_measured);
}

#[cfg(feature = "distributed")]
#[test]
fn a_short_run_measures_what_telling_a_collector_costs() {
    const NAMES: [&str; 3] = ["telemetry_cpu", "telemetry_cpu_away", "telemetry_memory"];

    let (_, figures) = short_run(&NAMES, &std::env::var("PATH").unwrap_or_default());

    assert_eq!(names(&figures), NAMES);
    figures.iter().for_each(is_measured);
}

#[cfg(feature = "distributed")]
#[test]
fn a_short_run_holds_what_each_role_takes_against_what_was_foretold() {
    const NAMES: [&str; 6] =
        ["mixed_gateway", "mixed_user", "mixed_session", "mixed_photo", "mixed_postgres", "mixed_redis"];

    let (ran, figures) = short_run(&NAMES, &std::env::var("PATH").unwrap_or_default());

    assert_eq!(ran.status.code(), Some(0), "they have no floors");
    assert_eq!(names(&figures), NAMES);
    // The others take less than the system tells of in so short a time.
    figures.iter().take(2).for_each(is_measured);
}

fn names(figures: &[Value]) -> Vec<&str> {
    figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect()
}

/// There is a value, a reference, what the one comes to against the other, and how all of it was found.
fn is_measured(figure: &Value) {
    let number = |key: &str| figure[key].as_f64().unwrap_or_else(|| panic!("{key} in {figure}"));
    assert!(number("value") > 0.0 && number("reference_value") > 0.0, "{figure}");
    assert!((number("ratio") - number("value") / number("reference_value")).abs() < 1e-9, "{figure}");
    assert!(figure["notes"].as_array().is_some_and(|notes| !notes.is_empty()), "{figure}");
}

#[test]
fn a_figure_whose_reference_is_not_installed_has_missed_its_floor_and_says_why() {
    let nowhere = TempDir::new().unwrap();

    let (ran, figures) = short_run(&["thumbnail"], nowhere.path().to_str().unwrap());

    assert_eq!(ran.status.code(), Some(1));
    assert_eq!((figures.len(), &figures[0]["pass"]), (1, &Value::Bool(false)));
    let notes = figures[0]["notes"].to_string();
    assert!(notes.contains("NOT MEASURED") && notes.contains("libvips-tools"), "{notes}");
}
