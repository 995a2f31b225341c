//! What a run found, for people and for programs.

use std::{fmt::Write as _, fs, path::Path};

use crate::{
    figure::{Direction, Figure},
    run::Failure,
};

/// A table for a terminal, with the notes below it.
pub fn table(figures: &[Figure]) -> String {
    let mut text =
        format!("{:<24} {:>12} {:>12} {:<12} {:>8} {:>8}\n", "figure", "value", "reference", "unit", "ratio", "floor");
    for figure in figures {
        let bound = match (figure.floor, figure.direction) {
            (None, _) => "-".into(),
            (Some(floor), Direction::AtLeast) => format!(">={floor}"),
            (Some(floor), Direction::AtMost) => format!("<={floor}"),
        };
        let verdict = if figure.pass { "" } else { "  MISSED" };
        let (value, reference) = (short(figure.value), short(figure.reference_value));
        let _infallible = writeln!(
            text,
            "{:<24} {value:>12} {reference:>12} {:<12} {:>8.3} {bound:>8}{verdict}",
            figure.name, figure.unit, figure.ratio
        );
    }
    for figure in figures {
        let _infallible = writeln!(text, "\n{}: against {}", figure.name, figure.reference);
        for note in &figure.notes {
            let _infallible = writeln!(text, "  - {note}");
        }
    }
    text
}

/// Writes the figures as a JSON list.
///
/// # Errors
/// The file cannot be written.
pub fn write(figures: &[Figure], path: &Path) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(figures).map_err(Failure::said)?;
    let cannot = || Failure::io(format!("{} cannot be written", path.display()));
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(cannot())?;
    }
    fs::write(path, json + "\n").map_err(cannot())
}

fn short(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
