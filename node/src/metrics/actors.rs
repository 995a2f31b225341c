//! How long calls of actors take, as their mailboxes have counted it: finished histograms, which Prometheus takes as they are.

use portico_kernel::{LATENCY_BOUNDS, Latency, TreeHandle};
use prometheus::{
    core::{Collector, Desc},
    proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

const NAME: &str = "portico_actor_duration_seconds";
const HELP: &str = "How long calls took that an actor answered, from being accepted to being answered";

/// The actors of a tree.
pub(super) struct ActorDurations {
    tree: TreeHandle,
    desc: Desc,
}

impl ActorDurations {
    pub(super) fn new(tree: TreeHandle) -> Self {
        let desc = Desc::new(NAME.into(), HELP.into(), vec!["actor".into()], [].into());
        Self { tree, desc: desc.expect("its name and label are valid") }
    }
}

impl Collector for ActorDurations {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let actors = self.tree.snapshot().actors();
        let metrics = actors.into_iter().map(|(path, node)| metric(path, &node.latency)).collect();
        let mut family = MetricFamily::default();
        family.set_name(NAME.into());
        family.set_help(HELP.into());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

fn metric(actor: String, latency: &Latency) -> Metric {
    let mut label = LabelPair::default();
    label.set_name("actor".into());
    label.set_value(actor);
    let mut metric = Metric::from_label(vec![label]);
    metric.set_histogram(histogram(latency));
    metric
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
