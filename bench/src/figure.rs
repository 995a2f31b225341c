//! One measured figure: a value beside a reference of the same run, and the floor that the ratio must keep.

use serde::Serialize;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Throughput: the ratio must reach the floor.
    AtLeast,
    /// Latency, memory, size: the ratio must not exceed it.
    AtMost,
}

/// A figure as `bench/results/latest.json` lists it.
///
/// Invariant: `ratio` is `value / reference_value`; what stands against a fixed limit (a size, a memory bound) has that
/// limit as its reference and a floor of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The figure's name: `me_hot`.
    pub name: String,
    /// What was measured, the median of the repeats.
    pub value: f64,
    /// The unit of `value` and `reference_value`: `requests/s`.
    pub unit: String,
    /// What the reference is: `bare actix-web handler, same JSON`.
    pub reference: String,
    /// What the reference reached in the same run, the median of its repeats.
    pub reference_value: f64,
    /// `value / reference_value`.
    pub ratio: f64,
    /// What the ratio must keep; none for a figure that is only reported.
    pub floor: Option<f64>,
    /// Which way is better.
    pub direction: Direction,
    /// Whether the floor is kept. A figure that is only reported passes.
    pub pass: bool,
    /// What a reader should know of this run: how many repeats, how they spread, what the limit was.
    pub notes: Vec<String>,
}

impl Figure {
    /// A figure whose ratio must reach `floor`.
    pub fn at_least(name: &str, unit: &str, value: f64, reference: (&str, f64), floor: f64) -> Self {
        Self::new(name, unit, value, reference, Some(floor), Direction::AtLeast)
    }

    /// A figure whose ratio must not exceed `ceiling`.
    pub fn at_most(name: &str, unit: &str, value: f64, reference: (&str, f64), ceiling: f64) -> Self {
        Self::new(name, unit, value, reference, Some(ceiling), Direction::AtMost)
    }

    /// A figure that is told and not judged.
    pub fn reported(name: &str, unit: &str, value: f64, reference: (&str, f64), direction: Direction) -> Self {
        Self::new(name, unit, value, reference, None, direction)
    }

    /// Adds what a reader should know.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    fn new(
        name: &str,
        unit: &str,
        value: f64,
        reference: (&str, f64),
        floor: Option<f64>,
        direction: Direction,
    ) -> Self {
        let (reference, reference_value) = reference;
        let ratio = value / reference_value;
        let pass = floor.is_none_or(|floor| match direction {
            Direction::AtLeast => ratio >= floor,
            Direction::AtMost => ratio <= floor,
        });
        Self {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            reference: reference.to_owned(),
            reference_value,
            ratio,
            floor,
            direction,
            pass,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_kept_from_its_own_side() {
        let passes = [
            Figure::at_least("rate", "1/s", 50.0, ("bare", 100.0), 0.5).pass,
            Figure::at_least("rate", "1/s", 49.0, ("bare", 100.0), 0.5).pass,
            Figure::at_most("p99", "ms", 5.0, ("calm", 1.0), 5.0).pass,
            Figure::at_most("p99", "ms", 5.1, ("calm", 1.0), 5.0).pass,
            Figure::at_least("nothing measured", "1/s", 0.0, ("bare", 0.0), 0.5).pass,
            Figure::reported("cost", "us", 9.0, ("none", 1.0), Direction::AtMost).pass,
        ];

        assert_eq!(passes, [true, false, true, false, false, true]);
    }
}
