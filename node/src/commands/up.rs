//! `portico up`: everything in one process.

use std::{
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::dev::ServerHandle;
use portico_config::Config;
use portico_gateway::{Gateway, ServeError, Serving};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    control::{self, SOCKET},
    exit::Failure,
    metrics::HttpDuration,
    node::Node,
    operator::Operator,
    shutdown,
};

/// Serves until a signal comes or the supervision tree gives up.
///
/// # Errors
/// The operator's: something cannot be opened or bound. The node's: its root supervisor gave up.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    allow_descriptors();
    let mut requested = pin!(shutdown::requested()?);
    let node = Node::start(config).await?;
    let prepared = tokio::select! {
        prepared = node.prepare() => prepared.map(|()| true),
        _ = &mut requested => Ok(false),
    };
    if !matches!(prepared, Ok(true)) {
        let deadline = node.shutdown_deadline();
        let stopped = node.stop(deadline).await;
        return prepared.and(stopped);
    }
    let listeners = Listeners::open(&node)?;
    listeners.tell(&node);
    let escalated = tokio::select! {
        signal = &mut requested => {
            tracing::info!(signal, "shutdown requested");
            false
        }
        () = node.root().escalated() => true,
    };
    let deadline = node.shutdown_deadline();
    listeners.close(&node).await;
    let stopped = node.stop(deadline).await;
    if escalated { Err(Failure::software("an actor crashed too often; see the log")) } else { stopped }
}

/// Takes as many descriptors as the system allows. Most systems begin a process with 1,024, which a crowd of idle
/// connections would use up, and then no file could be opened either.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).is_err() {
        tracing::warn!(limit = limit.current, "the limit of open descriptors stays as it is");
    }
}

/// Everything that takes work from outside.
struct Listeners {
    gateway: (std::net::SocketAddr, ServerHandle),
    operator: (std::net::SocketAddr, ServerHandle),
    control: tokio::task::JoinHandle<()>,
    draining: Arc<AtomicBool>,
}

impl Listeners {
    fn open(node: &Node) -> Result<Self, Failure> {
        let (config, draining) = (node.config(), Arc::new(AtomicBool::new(false)));
        let metrics = Arc::new(HttpDuration::new(&node.metrics));
        let gateway = Gateway::new(config, node.asks(), node.secret(), Arc::clone(&draining), metrics);
        node.metrics.observe_limits(gateway.limit_counts());
        // Half of the time for requests in flight, the other half for the actors behind them.
        let timeout = Duration::from_millis(config.shutdown.deadline_ms / 2);
        let Serving { address, handle, server } = gateway.serve(timeout).map_err(|error| unserved(&error))?;
        actix::spawn(server);
        let operator =
            Operator { tree: node.root().tree(), readiness: node.readiness.clone(), metrics: node.metrics.clone() };
        let listen = config.operator.listen;
        let (operator_address, operator_handle, operator) = operator
            .serve(listen)
            .map_err(|error| Failure::unavailable(format!("operator.listen: cannot listen on {listen}: {error}")))?;
        actix::spawn(operator);
        let socket = config.data.dir.join(SOCKET);
        let control = control::serve(&socket, node.control())
            .map_err(|error| Failure::cannot_create(format!("{}: {error}", socket.display())))?;
        Ok(Self { gateway: (address, handle), operator: (operator_address, operator_handle), control, draining })
    }

    /// Tells where everything is, one line each, for people and for scripts.
    fn tell(&self, node: &Node) {
        let config = node.config();
        let scheme = if config.gateway.tls.certificate_file.is_some() { "https" } else { "http" };
        println!("gateway listening on {scheme}://{}", self.gateway.0);
        println!("operator listening on http://{}", self.operator.0);
        println!("data in {}", absolute(&config.data.dir));
        println!("API documentation on {scheme}://{}/docs", self.gateway.0);
    }

    /// Readiness turns false, no new work is taken, and what is in flight ends, or is cut off at the deadline.
    async fn close(self, node: &Node) {
        node.readiness.drain();
        self.draining.store(true, Ordering::Relaxed);
        self.control.abort();
        let _gone_already = std::fs::remove_file(node.config().data.dir.join(SOCKET));
        self.gateway.1.stop(true).await;
        self.operator.1.stop(false).await;
    }
}

fn unserved(error: &ServeError) -> Failure {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    match error {
        ServeError::Bind { .. } => Failure::unavailable(format!("gateway.listen: {error}{cause}")),
        ServeError::Tls(_) => Failure::config(format!("gateway.tls: {error}{cause}")),
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
