//! How long things take, as those have counted it that do them: finished histograms, which Prometheus takes as they are.

use portico_kernel::{LATENCY_BOUNDS, Latency};
use prometheus::{
    core::{Collector, Desc},
    proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

/// Histograms of one name, each with the values of its labels.
type Readings = Vec<(Vec<String>, Latency)>;

/// A family of finished histograms.
pub(super) struct Histograms {
    desc: Desc,
    read: Box<dyn Fn() -> Readings + Send + Sync>,
}

impl Histograms {
    /// What `read` reads is shown under `name`, with a value for each of `labels`.
    pub(super) fn new(
        name: &str,
        help: &str,
        labels: &[&str],
        read: impl Fn() -> Readings + Send + Sync + 'static,
    ) -> Self {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels, [].into());
        Self { desc: desc.expect("its name and labels are valid"), read: Box::new(read) }
    }
}

impl Collector for Histograms {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let metrics: Vec<_> =
            (self.read)().into_iter().map(|(values, latency)| self.metric(values, &latency)).collect();
        if metrics.is_empty() {
            return Vec::new();
        }
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

impl Histograms {
    fn metric(&self, values: Vec<String>, latency: &Latency) -> Metric {
        let label = |(name, value): (&String, String)| {
            let mut label = LabelPair::default();
            label.set_name(name.clone());
            label.set_value(value);
            label
        };
        let mut metric = Metric::from_label(self.desc.variable_labels.iter().zip(values).map(label).collect());
        metric.set_histogram(histogram(latency));
        metric
    }
}

/// Buckets as Prometheus counts them: each holds those below it as well. The slower ones are in the sum of all alone.
fn histogram(latency: &Latency) -> Histogram {
    let mut below = 0;
    let bucket = |(bound, count): (&f64, &u64)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    };
    let buckets = LATENCY_BOUNDS.iter().zip(&latency.counts).map(bucket).collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(latency.counts.iter().sum());
    histogram.set_sample_sum(latency.sum_s);
    histogram
}
