//! A node without listeners: the data directory, the supervision tree and the domains in it.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use portico_config::{Config, Console, Role};
use portico_gateway::Asks;
use portico_kernel::{Clock, Deadline, Intensity, Strategy, Supervisor, SystemClock};
use portico_log::Faults;
use portico_schema::data_dir::{DataDir, Error as DataError};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters,
    control::Control,
    domains::{Domains, Journal, World},
    exit::Failure,
    metrics::{self, Metrics},
    readiness::Readiness,
    telemetry,
};
#[cfg(feature = "distributed")]
use crate::{domains::Hosted, spans::Spans, threads::Threads, trust::Trust};

/// More crashes than this bring the node down, for whoever runs it to start it afresh.
const INTENSITY: Intensity = Intensity { restarts: 30, within: Duration::from_mins(1) };

/// A running node.
pub(crate) struct Node {
    config: Config,
    data: DataDir,
    root: Supervisor,
    domains: Domains,
    #[cfg(feature = "distributed")]
    threads: Threads,
    #[cfg(feature = "distributed")]
    trust: Option<Trust>,
    secret: [u8; 32],
    closers: Vec<BoxFuture<'static, ()>>,
    /// Whether it can serve.
    pub(crate) readiness: Readiness,
    /// What it counts.
    pub(crate) metrics: Metrics,
    #[cfg(feature = "distributed")]
    spans: Spans,
}

impl Node {
    /// Takes the data directory, and starts every domain on it, with the couriers between them. Once `stop` is cancelled, no
    /// server that is away is waited for any longer.
    ///
    /// # Errors
    /// The operator's: the directory is held by another process or cannot be made, or a store cannot be opened.
    pub(crate) async fn start(config: Config, stop: CancellationToken) -> Result<Self, Failure> {
        Self::open(config, stop, true).await
    }

    /// Starts a node that serves one command of its operator, who waits for the result: no event is carried, each stays
    /// in the outbox for the next `up`, and records go into the files only, unless they are always to be printed.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub(crate) async fn offline(mut config: Config) -> Result<Self, Failure> {
        if config.log.console == Console::Auto {
            config.log.console = Console::Never;
        }
        Self::open(config, CancellationToken::new(), false).await
    }

    async fn open(config: Config, stop: CancellationToken, has_couriers: bool) -> Result<Self, Failure> {
        adapters::check(&config)?;
        let data = take(&config.data.dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let name = name(&config);
        let (layer, journal) = Journal::new(&config.log, name.clone(), Arc::clone(&clock));
        telemetry::install(&config.log, layer)?;
        let root = Supervisor::root("portico", Strategy::OneForOne, INTENSITY);
        let resource = metrics::resource(name);
        #[cfg(feature = "distributed")]
        let spans = Spans::sent_to(&config.telemetry.otlp, &resource)?;
        let metrics = Metrics::new(&config.telemetry, resource)?;
        let (pools, probes, closers) = (Vec::new(), Vec::new(), Vec::new());
        let secret = secret(&config, &data)?;
        #[cfg(feature = "distributed")]
        let trust = Trust::open(&config.node.tls)?.inspect(|trust| _ = actix::spawn(trust.clone().watch()));
        let (profiles, sessions_returned) = (None, None);
        let mut world = World {
            config,
            clock,
            secret,
            root,
            metrics,
            stop,
            pools,
            probes,
            profiles,
            sessions_returned,
            #[cfg(feature = "distributed")]
            threads: Threads::default(),
            #[cfg(feature = "distributed")]
            trust,
            closers,
        };
        let mut domains = Domains::start(&mut world, journal).await?;
        if has_couriers {
            domains.start_couriers(&mut world).await?;
        }
        #[cfg(feature = "distributed")]
        let (threads, trust) = (world.threads, world.trust);
        let World { config, root, metrics, pools, probes, closers, .. } = world;
        metrics.observe_pools(pools);
        metrics.observe_tree(&root.tree());
        let readiness = Readiness::new(root.tree(), probes);
        metrics.observe_readiness(&readiness);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "node started");
        Ok(Self {
            config,
            data,
            root,
            domains,
            #[cfg(feature = "distributed")]
            threads,
            #[cfg(feature = "distributed")]
            trust,
            secret,
            closers,
            readiness,
            metrics,
            #[cfg(feature = "distributed")]
            spans,
        })
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The node's secret, which device cookies and fingerprints are made with.
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.secret
    }

    /// What other nodes ask. Whoever follows log records does so until `stop` is cancelled.
    #[cfg(feature = "distributed")]
    pub(crate) fn hosted(&self, stop: CancellationToken) -> Hosted {
        self.domains.hosted(&self.config, &self.metrics, stop)
    }

    /// Where nodes talk to each other.
    #[cfg(feature = "distributed")]
    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// By what nodes know each other.
    #[cfg(feature = "distributed")]
    pub(crate) fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// What records and metrics know it by.
    pub(crate) fn name(&self) -> String {
        name(&self.config)
    }

    /// The last warnings and errors.
    pub(crate) fn faults(&self) -> Faults {
        self.domains.log.faults()
    }

    /// The supervision tree.
    pub(crate) fn root(&self) -> &Supervisor {
        &self.root
    }

    /// What the gateway asks; none where this node is to have none.
    pub(crate) fn asks(&self) -> Option<Asks> {
        if self.config.node.hosts(Role::Gateway) { self.domains.asks() } else { None }
    }

    /// What the operator's commands ask.
    pub(crate) fn control(&self) -> Control {
        self.domains.control()
    }

    /// Does what must be done before anything is served.
    ///
    /// # Errors
    /// The operator's: the session store cannot be told what was revoked, or a setting that nothing was opened with yet will
    /// never do. Nothing may be served then.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        let prepared = self.domains.check_transports().await;
        let prepared = if prepared.is_ok() { self.domains.revoke_what_waits().await } else { prepared };
        prepared.inspect_err(|failure| tracing::error!(%failure, "node does not serve"))
    }

    /// When a shutdown that begins now must be over.
    pub(crate) fn shutdown_deadline(&self) -> Deadline {
        Deadline::within(Duration::from_millis(self.config.shutdown.deadline_ms))
    }

    /// Stops a node that served a command. What the command was answered has reached the disk, so that an actor which
    /// did not end in time is told, and takes nothing from the command's own result.
    pub(crate) async fn close(self) {
        let deadline = self.shutdown_deadline();
        if let Err(late) = self.stop(deadline).await {
            late.tell();
        }
    }

    /// Stops the node in order, by `deadline`: events are delivered, actors finish what they accepted
    /// in the reverse order of their start, databases are closed, the log is written to the last record.
    ///
    /// # Errors
    /// The node's own: some actor had not finished when the deadline passed.
    pub(crate) async fn stop(self, deadline: Deadline) -> Result<(), Failure> {
        deadline.scope(self.domains.flush()).await;
        tracing::info!("node stops");
        deadline.scope(self.domains.log.flush()).await;
        let drained = self.root.drain(deadline).await;
        for close in self.closers {
            close.await;
        }
        self.domains.log.close().await;
        let told = self.metrics.close(deadline);
        #[cfg(feature = "distributed")]
        let told = async { tokio::join!(told, self.spans.close(deadline)) };
        told.await;
        drop(self.data);
        if drained.is_clean() {
            return Ok(());
        }
        let cut: Vec<_> =
            drained.cut.into_iter().map(|cut| format!("{} ({} calls)", cut.path, cut.in_flight)).collect();
        Err(Failure::software(format!("cut off before they had finished: {}", cut.join(", "))))
    }
}

/// What this node's records and metrics are told from another's by.
fn name(config: &Config) -> String {
    let machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    config.node.name.clone().unwrap_or_else(machine)
}

/// The secret that nodes share, or the data directory's own.
fn secret(config: &Config, data: &DataDir) -> Result<[u8; 32], Failure> {
    let Some(file) = &config.node.secret_file else { return Ok(data.secret()) };
    let refused = |why: &dyn std::fmt::Display| Failure::config(format!("node.secret_file: {}: {why}", file.display()));
    let digits = std::fs::read_to_string(file).map_err(|error| refused(&error))?;
    let mut secret = [0; 32];
    hex::decode_to_slice(digits.trim(), &mut secret).map_err(|_| refused(&"must hold 64 hexadecimal digits"))?;
    Ok(secret)
}

fn take(directory: &Path) -> Result<DataDir, Failure> {
    DataDir::open(directory).map_err(unheld)
}

/// Why a data directory cannot be held.
pub(crate) fn unheld(error: DataError) -> Failure {
    match error {
        DataError::Held { .. } => Failure::temporary(error),
        DataError::Open { .. } | DataError::Io { .. } => Failure::cannot_create(error),
    }
}
