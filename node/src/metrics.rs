//! What the node counts, in OpenTelemetry's terms, shown in Prometheus' text format, and sent to a collector where there is one.
//! What comes as a finished histogram is shown alone: OpenTelemetry's library has no observable one.
//!
//! Invariant: label values come from closed sets (actor names, route templates, codes), never from a request.

mod actors;
mod http;
#[cfg(target_os = "linux")]
mod process;
#[cfg(not(target_os = "linux"))]
#[path = "metrics/process/unbuilt.rs"]
mod process;
#[cfg(feature = "distributed")]
mod push;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use opentelemetry::{
    KeyValue,
    metrics::{Meter, MeterProvider as _},
};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
#[cfg(feature = "distributed")]
use portico_bus::grpc::PeerState;
use portico_config::Telemetry;
use portico_gateway::LimitCount;
use portico_kernel::{CacheLoad, Deadline, LATENCY_BOUNDS, Node, Pool, PoolLoad, StoreError, TreeHandle};
use portico_log::Stats;
use portico_schema::Operations;
use prometheus::{
    Registry, TextEncoder,
    proto::{LabelPair, Metric, MetricFamily, MetricType},
};
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use self::actors::ActorDurations;
pub(crate) use self::http::HttpInstruments;
use crate::{exit::Failure, otlp, readiness::Readiness};

/// How long a store may take to count what waits in it.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that is counted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    provider: Arc<SdkMeterProvider>,
    looks: Arc<Mutex<Vec<Look>>>,
}

/// Looks at what must be asked for, whenever everything is shown.
type Look = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A backlog that could not be counted. No store holds as many.
const UNKNOWN: u64 = u64::MAX;

impl Metrics {
    /// Counts nothing yet. `resource` is whose it is.
    ///
    /// # Errors
    /// The operator's: nothing can be sent to the collector of `telemetry`.
    #[cfg_attr(not(feature = "distributed"), expect(clippy::unnecessary_wraps, reason = "the other build sends"))]
    pub(crate) fn new(telemetry: &Telemetry, resource: Resource) -> Result<Self, Failure> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .expect("a new registry has no metric that could clash");
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(exporter);
        #[cfg(feature = "distributed")]
        let provider = push::to(&telemetry.otlp, provider)?;
        let metrics = Self { registry, provider: Arc::new(provider.build()), looks: Arc::default() };
        process::observe(&metrics.meter());
        if telemetry.otlp.endpoint.is_some() {
            actix::spawn(metrics.clone().look_again(Duration::from_secs(telemetry.otlp.every_s)));
        }
        Ok(metrics)
    }

    /// Looks again and again: whoever is sent what is seen does not ask for it.
    async fn look_again(self, every: Duration) {
        let mut times = tokio::time::interval(every);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            times.tick().await;
            self.look().await;
        }
    }

    /// Sends what was counted since the last time, where there is a collector that takes it before `deadline`.
    pub(crate) async fn close(self, deadline: Deadline) {
        let provider = self.provider;
        otlp::closed(deadline, move || provider.shutdown()).await;
    }

    /// The meter that instruments of the node are made with.
    fn meter(&self) -> Meter {
        self.provider.meter("portico")
    }

    /// Everything in Prometheus' text format.
    pub(crate) async fn render(&self) -> String {
        self.look().await;
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// What waits, runs and was refused, as it is now: all that is counted of the node itself but of its actors.
    pub(crate) async fn numbers(&self) -> Vec<Number> {
        self.look().await;
        let families = self.registry.gather();
        let wanted = |family: &&MetricFamily| {
            family.name().starts_with("portico_") && !family.name().starts_with("portico_actor_")
        };
        families.iter().filter(wanted).flat_map(Number::of).collect()
    }

    async fn look(&self) {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        join_all(looks.iter().map(|look| look())).await;
    }

    fn looks_at(&self, look: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(look));
    }

    /// Shows whether the node is ready, and whether each dependency works.
    pub(crate) fn observe_readiness(&self, readiness: &Readiness) {
        let (looked, of_node, of_each) = (readiness.clone(), readiness.clone(), readiness.clone());
        self.looks_at(move || {
            let readiness = looked.clone();
            Box::pin(async move { _ = readiness.report().await })
        });
        self.gauge("portico.ready", "Whether requests should be sent to the node", move || {
            of_node.last().map(|report| (Vec::new(), report.ready.into())).into_iter().collect()
        });
        self.gauge("portico.dependency.works", "Whether what the node depends on works", move || {
            let checks = of_each.last().map(|report| report.checks).unwrap_or_default();
            let dependencies = checks.into_iter().filter(|check| !check.is_of_actor());
            dependencies.map(|check| (labels("dependency", check.name), check.ok.into())).collect()
        });
    }

    /// Shows every actor of a supervision tree.
    pub(crate) fn observe_tree(&self, tree: &TreeHandle) {
        let each_actor = |reading: fn(&Node) -> u64| {
            let tree = tree.clone();
            move || {
                tree.snapshot()
                    .actors()
                    .into_iter()
                    .map(|(path, node)| (labels("actor", path), reading(&node)))
                    .collect()
            }
        };
        self.counter("portico.actor.handled", "Calls that an actor answered", each_actor(|node| node.handled));
        self.counter("portico.actor.crashed", "Calls that died in a crash", each_actor(|node| node.crashed));
        self.counter("portico.actor.overloaded", "Calls refused at the bound", each_actor(|node| node.overloaded));
        self.counter("portico.actor.late", "Calls past their deadline", each_actor(|node| node.late));
        let restarted = tree.clone();
        self.counter("portico.actor.restarts", "Times an actor was started again, by cause", move || {
            let of_actor = |(path, node): (String, Node)| {
                let labels = move |cause| vec![KeyValue::new("actor", path.clone()), KeyValue::new("cause", cause)];
                node.restarts.by_cause().map(|(cause, count)| (labels(cause), count))
            };
            restarted.snapshot().actors().into_iter().flat_map(of_actor).collect()
        });
        let durations = ActorDurations::new(tree.clone());
        self.registry.register(Box::new(durations)).expect("nothing else has that name");
        self.gauge("portico.actor.mailbox.depth", "Messages that wait", each_actor(|node| node.depth));
        self.gauge("portico.actor.mailbox.age_ms", "Age of the oldest message", each_actor(|node| node.oldest_ms));
        self.gauge("portico.actor.in_flight", "Calls accepted and not finished", each_actor(|node| node.in_flight));
    }

    /// Shows how long operations of a database take.
    pub(crate) fn observe_database(&self, operations: &Operations) {
        let durations = self
            .meter()
            .f64_histogram("db.client.operation.duration")
            .with_unit("s")
            .with_description("How long operations of databases took, from being asked for to being answered")
            .with_boundaries(LATENCY_BOUNDS.to_vec())
            .build();
        let [system, database] = [("db.system.name", operations.system()), ("db.namespace", operations.database())]
            .map(|(name, value)| KeyValue::new(name, value));
        operations.observe(move |kind, took| {
            let labels = [system.clone(), database.clone(), KeyValue::new("db.operation.name", kind)];
            durations.record(took.as_secs_f64(), &labels);
        });
    }

    /// Shows what a cache holds, and how often it had what was wanted.
    pub(crate) fn observe_cache(
        &self,
        cache: &'static str,
        load: impl Fn() -> CacheLoad + Clone + Send + Sync + 'static,
    ) {
        let looked = load.clone();
        self.counter("portico.cache.lookups", "Looks into a cache, by what came of them", move || {
            let (load, of) =
                (looked(), |outcome| vec![KeyValue::new("cache", cache), KeyValue::new("outcome", outcome)]);
            vec![(of("hit"), load.hits), (of("miss"), load.misses)]
        });
        self.gauge("portico.cache.entries", "Entries in a cache, about", move || {
            vec![(labels("cache", cache), load().entries)]
        });
    }

    /// Shows the log pipeline.
    pub(crate) fn observe_log(&self, stats: impl Fn() -> Stats + Clone + Send + Sync + 'static) {
        let reading = |reading: fn(&Stats) -> u64| {
            let stats = stats.clone();
            move || vec![(Vec::new(), reading(&stats()))]
        };
        self.counter("portico.log.offered", "Records that were logged", reading(|stats| stats.offered));
        self.counter("portico.log.accepted", "Records that are on disk", reading(|stats| stats.accepted));
        self.counter("portico.log.refused", "Records that found the queue full", reading(|stats| stats.refused));
        self.counter("portico.log.failures", "Times that the log files failed", reading(|stats| stats.failures));
        self.gauge("portico.log.waiting", "Records that wait for the disk", reading(|stats| stats.waiting));
    }

    /// Shows what came of asking for profiles that nodes share.
    #[cfg(feature = "distributed")]
    pub(crate) fn observe_profiles(&self, outcomes: impl Fn() -> [(&'static str, u64); 3] + Send + Sync + 'static) {
        let read = move || outcomes().map(|(outcome, count)| (labels("outcome", outcome), count)).to_vec();
        self.counter("portico.profile.shared", "Profiles that nodes share, by what came of asking for them", read);
    }

    /// Shows the nodes that host a domain: what is known of each.
    #[cfg(feature = "distributed")]
    pub(crate) fn observe_peers(
        &self,
        role: &'static str,
        peers: impl Fn() -> Vec<PeerState> + Clone + Send + Sync + 'static,
    ) {
        let each = |reading: fn(&PeerState) -> u64| {
            let peers = peers.clone();
            let labels = move |peer: &PeerState| {
                vec![KeyValue::new("role", role), KeyValue::new("server.address", peer.address.to_string())]
            };
            move || peers().iter().map(|peer| (labels(peer), reading(peer))).collect()
        };
        self.gauge("portico.node.healthy", "Whether a node is asked", each(|peer| peer.healthy.into()));
        self.gauge(
            "portico.node.in_flight",
            "Calls that a node has not answered yet",
            each(|peer| peer.in_flight as u64),
        );
        self.counter("portico.node.failures", "Calls and connections that failed", each(|peer| peer.failures));
        self.counter("portico.node.ejections", "Times a node was not asked for a while", each(|peer| peer.ejections));
    }

    /// Shows connections of other nodes that were refused, by why.
    #[cfg(feature = "distributed")]
    pub(crate) fn observe_refused_nodes<const N: usize>(
        &self,
        refused: impl Fn() -> [(&'static str, u64); N] + Send + Sync + 'static,
    ) {
        let read = move || refused().map(|(reason, count)| (labels("reason", reason), count)).to_vec();
        self.counter("portico.node.refused", "What other nodes asked for and was refused", read);
    }

    /// Shows how much waits to be taken by another node, or Kafka.
    #[cfg(feature = "distributed")]
    pub(crate) fn observe_spool(&self, bytes: impl Fn() -> u64 + Send + Sync + 'static) {
        let read = move || vec![(Vec::new(), bytes())];
        self.gauge("portico.log.spool.bytes", "Bytes of records that nobody has confirmed yet", read);
    }

    /// Shows how many records of other nodes this one has kept.
    #[cfg(feature = "distributed")]
    pub(crate) fn observe_collected(&self, collected: impl Fn() -> u64 + Send + Sync + 'static) {
        let read = move || vec![(Vec::new(), collected())];
        self.counter("portico.log.collected", "Records of nodes that were taken into files", read);
    }

    /// Shows what came of the messages of Kafka's topic: how many were kept and set aside, and how many wait.
    #[cfg(feature = "distributed")]
    pub(crate) fn observe_collector<F: Fn() -> u64 + Send + Sync + 'static>(&self, [collected, dead, lag]: [F; 3]) {
        let reading = |count: F| move || vec![(Vec::new(), count())];
        self.observe_collected(collected);
        self.counter("portico.log.dead", "Messages from Kafka that were no records", reading(dead));
        self.gauge("portico.log.lag", "Messages in Kafka that are not in files yet", reading(lag));
    }

    /// Shows how much waits in a store; nothing while the store does not tell.
    pub(crate) fn observe_backlog<F>(
        &self,
        name: &str,
        description: &'static str,
        count: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<u64, StoreError>> + Send + 'static,
    {
        let counted = Arc::new(AtomicU64::new(UNKNOWN));
        let found = Arc::clone(&counted);
        self.looks_at(move || {
            let (counting, found) = (tokio::time::timeout(COUNT_TIMEOUT, count()), Arc::clone(&found));
            Box::pin(async move { found.store(counting.await.ok().and_then(Result::ok).unwrap_or(UNKNOWN), Relaxed) })
        });
        self.gauge(name, description, move || match counted.load(Relaxed) {
            UNKNOWN => Vec::new(),
            counted => vec![(Vec::new(), counted)],
        });
    }

    /// Shows how often each rate limit allowed and refused.
    pub(crate) fn observe_limits(&self, counts: impl Fn() -> Vec<LimitCount> + Send + Sync + 'static) {
        let counts = Arc::new(counts);
        let each_limit = |reading: fn(&LimitCount) -> u64| {
            let counts = Arc::clone(&counts);
            move || counts().iter().map(|count| (labels("limit", count.limit), reading(count))).collect()
        };
        self.counter("portico.limit.allowed", "Requests that a limit let through", each_limit(|count| count.allowed));
        self.counter("portico.limit.limited", "Requests that a limit refused", each_limit(|count| count.limited));
    }

    /// Shows the pools of threads.
    pub(crate) fn observe_pools(&self, pools: Vec<(&'static str, Pool)>) {
        let pools = Arc::new(pools);
        let each_pool = |reading: fn(&PoolLoad) -> u64| {
            let pools = Arc::clone(&pools);
            move || pools.iter().map(|(name, pool)| (labels("pool", *name), reading(&pool.load()))).collect()
        };
        self.counter("portico.pool.done", "Jobs that ended", each_pool(|load| load.done));
        self.gauge("portico.pool.queued", "Jobs that wait", each_pool(|load| load.queued as u64));
        self.gauge("portico.pool.running", "Jobs that run", each_pool(|load| load.running as u64));
    }

    fn counter(&self, name: &str, description: &'static str, read: impl Fn() -> Readings + Send + Sync + 'static) {
        self.meter()
            .u64_observable_counter(name.to_owned())
            .with_description(description)
            .with_callback(move |observer| read().iter().for_each(|(labels, value)| observer.observe(*value, labels)))
            .build();
    }

    fn gauge(&self, name: &str, description: &'static str, read: impl Fn() -> Readings + Send + Sync + 'static) {
        self.meter()
            .u64_observable_gauge(name.to_owned())
            .with_description(description)
            .with_callback(move |observer| read().iter().for_each(|(labels, value)| observer.observe(*value, labels)))
            .build();
    }
}

/// One number that is counted.
#[derive(Debug, Serialize)]
pub(crate) struct Number {
    /// `portico_outbox_depth`.
    name: String,
    /// What it counts, in words.
    help: String,
    /// What tells it from others of that name: `address` and the like, several with commas between them.
    of: String,
    /// Whether it counts what happened since the process began, and not what is there now.
    total: bool,
    value: f64,
}

impl Number {
    fn of(family: &MetricFamily) -> impl Iterator<Item = Self> {
        let number = |metric: &Metric| {
            let labels: Vec<_> = metric.get_label().iter().map(LabelPair::value).collect();
            let total = family.get_field_type() == MetricType::COUNTER;
            let value = if total { metric.get_counter().get_value() } else { metric.get_gauge().get_value() };
            Self { name: family.name().to_owned(), help: family.help().to_owned(), of: labels.join(", "), total, value }
        };
        family.get_metric().iter().map(number)
    }
}

/// What all that a node tells is of (OpenTelemetry semantic conventions for services). `node` is what it is told from others
/// by.
pub(crate) fn resource(node: String) -> Resource {
    let attributes = [
        KeyValue::new("service.name", "portico"),
        KeyValue::new("service.instance.id", node),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource::builder_empty().with_attributes(attributes).build()
}

/// Values beside the labels that tell them apart.
type Readings = Vec<(Vec<KeyValue>, u64)>;

fn labels(name: &'static str, value: impl Into<opentelemetry::Value>) -> Vec<KeyValue> {
    vec![KeyValue::new(name, value)]
}

#[cfg(test)]
mod tests {
    use portico_config::{Otlp, Telemetry};

    use super::*;

    fn metrics() -> Metrics {
        let told_to_nobody = Telemetry { otlp: Otlp { endpoint: None, every_s: 15, trace_ratio: 1.0 } };
        Metrics::new(&told_to_nobody, resource("test".into())).unwrap()
    }

    #[tokio::test]
    async fn a_backlog_is_counted_anew_each_time_and_left_out_while_it_cannot_be() {
        let (metrics, answers) = (metrics(), Arc::new(Mutex::new(vec![Ok(7), Err(()), Ok(3)])));
        metrics.observe_backlog("portico.test.backlog", "A test's", move || {
            let answer = answers.lock().unwrap().pop().expect("it is counted once each time");
            async move { answer.map_err(|()| StoreError::Broken("the test said so".into())) }
        });

        let shown = [metrics.render().await, metrics.render().await, metrics.render().await];

        let values =
            shown.each_ref().map(|text| text.lines().find_map(|line| line.strip_prefix("portico_test_backlog ")));
        assert_eq!(values, [Some("3"), None, Some("7")], "{shown:?}");
    }
}
