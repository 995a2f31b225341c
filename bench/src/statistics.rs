//! The middle of repeated measurements, and how far they lie apart.

/// Repeated measurements of one thing.
#[derive(Debug, Clone, Default)]
pub struct Repeats(Vec<f64>);

impl Repeats {
    /// Adds one.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The latest one; zero when there is none.
    pub fn last(&self) -> f64 {
        self.0.last().copied().unwrap_or(0.0)
    }

    /// The middle one; of an even number the mean of the middle two. Zero when there is none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => 0.0,
            even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Between what the mean lies with a confidence of 95 %, as far as there are two dozen of them, drawn from one normal
    /// distribution; of fewer than two, nobody knows.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn interval(&self) -> (f64, f64) {
        const QUANTILE: f64 = 2.07; // Student's t with 23 degrees of freedom
        let count = self.0.len() as f64;
        let mean = self.0.iter().sum::<f64>() / count;
        let variance = self.0.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let margin = QUANTILE * (variance / count).sqrt();
        (mean - margin, mean + margin)
    }

    /// The least and the greatest: `31200 to 32900`.
    pub fn spread(&self) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let digits = if greatest >= 100.0 { 0 } else { 3 };
        format!("{least:.digits$} to {greatest:.digits$}")
    }
}

impl FromIterator<f64> for Repeats {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_lies_about_the_mean_and_is_narrower_the_more_there_are() {
        let few: Repeats = [1.0, 3.0].into_iter().collect();
        let many: Repeats = std::iter::repeat_n([1.0, 3.0], 50).flatten().collect();

        let ((few_least, few_most), (many_least, many_most)) = (few.interval(), many.interval());

        assert!((few_least + 0.07).abs() < 1e-9 && (few_most - 4.07).abs() < 1e-9, "{few_least} to {few_most}");
        assert!(many_least > 1.78 && many_most < 2.22, "{many_least} to {many_most}");
    }

    #[test]
    fn the_median_is_the_middle_and_not_the_mean() {
        let median = |values: &[f64]| values.iter().copied().collect::<Repeats>().median();

        assert!((median(&[1000.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 1000.0, 2.0]) - 3.0).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
    }
}
