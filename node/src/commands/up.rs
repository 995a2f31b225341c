//! `portico up`: everything in one process; `portico node`: a part of it.

use std::{
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portico_config::Config;
use portico_gateway::{Asks, Gateway, ServeError, Serving};
use portico_kernel::Deadline;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;

use crate::{
    control::{self, SOCKET},
    exit::Failure,
    metrics::HttpInstruments,
    node::Node,
    nodes::Nodes,
    operator::{self, Listener, Live, Operator},
    output, shutdown,
};

/// Serves until a signal comes or the supervision tree gives up.
///
/// # Errors
/// The operator's: something cannot be opened or bound. The node's: its root supervisor gave up.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    allow_descriptors();
    let mut requested = pin!(shutdown::requested()?);
    let Some(node) = Box::pin(started(config, requested.as_mut())).await? else { return Ok(()) };
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
    let cut = listeners.close(&node, for_requests(deadline)).await;
    let stopped = node.stop(deadline).await;
    if escalated { Err(Failure::software("an actor crashed too often; see the log")) } else { told(cut, stopped) }
}

/// The node; none if it was told to stop while it was starting.
async fn started(config: Config, requested: impl Future<Output = &'static str>) -> Result<Option<Node>, Failure> {
    let stop = CancellationToken::new();
    let mut start = Box::pin(Node::start(config, stop.clone()));
    tokio::select! {
        node = &mut start => return node.map(Some),
        _signal = requested => stop.cancel(),
    }
    match start.await {
        Ok(node) => {
            let deadline = node.shutdown_deadline();
            node.stop(deadline).await?;
        }
        Err(failure) => failure.tell(), // what was waited for, perhaps: nobody waits any more
    }
    Ok(None)
}

/// Requests in flight have all of a shutdown's time but the tenth that is left to the actors behind them, which is a second
/// at the most.
fn for_requests(deadline: Deadline) -> Deadline {
    const ACTORS_MAX: Duration = Duration::from_secs(1);
    Deadline::at(deadline.instant() - (deadline.remaining() / 10).min(ACTORS_MAX))
}

/// What came of a shutdown that cut `requests` off before it `stopped` the node.
fn told(requests: usize, stopped: Result<(), Failure>) -> Result<(), Failure> {
    if requests == 0 {
        return stopped;
    }
    let actors = stopped.err().map(|failure| format!("; {failure}")).unwrap_or_default();
    Err(Failure::software(format!("requests cut off before they were answered: {requests}{actors}")))
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
    gateway: Option<Serving>,
    nodes: Option<Nodes>,
    operator: Listener,
    monitoring: Option<Listener>,
    control: tokio::task::JoinHandle<()>,
    draining: Arc<AtomicBool>,
}

impl Listeners {
    fn open(node: &Node) -> Result<Self, Failure> {
        let (config, draining) = (node.config(), Arc::new(AtomicBool::new(false)));
        let gateway = match node.asks() {
            Some(asks) => Some(serve_gateway(node, asks, Arc::clone(&draining))?),
            None => None,
        };
        let nodes = Nodes::open(node)?;
        let (operator, monitoring) = serve_operator(node)?;
        let socket = config.data.dir.join(SOCKET);
        let control = control::serve(&socket, node.control())
            .map_err(|error| Failure::cannot_create(format!("{}: {error}", socket.display())))?;
        Ok(Self { gateway, nodes, operator, monitoring, control, draining })
    }

    /// Tells where everything is, one line each, for people and for scripts.
    fn tell(&self, node: &Node) {
        let config = node.config();
        let scheme = if config.gateway.tls.certificate_file.is_some() { "https" } else { "http" };
        let (operator, data) = (self.operator.address, absolute(&config.data.dir));
        let of_gateway = |told: &str, path: &str| {
            let gateway = self.gateway.as_ref().map(|gateway| gateway.address);
            gateway.map_or_else(String::new, |address| format!("{told} on {scheme}://{address}{path}\n"))
        };
        let monitoring = self.monitoring.as_ref();
        let monitoring =
            monitoring.map_or_else(String::new, |shown| format!("monitoring listening on http://{}\n", shown.address));
        let nodes = self.nodes.as_ref().map_or_else(String::new, |nodes| format!("nodes ask on {}\n", nodes.address()));
        let text = format!(
            "{}operator listening on http://{operator}\n{monitoring}{nodes}data in {data}\n{}",
            of_gateway("gateway listening", ""),
            of_gateway("API documentation", "/docs"),
        );
        if let Err(error) = output::print(&text) {
            tracing::warn!(error = &error as &dyn std::error::Error, "where it listens could not be printed");
        }
    }

    /// Readiness turns false, no new work is taken, and what is in flight ends, or is cut off at the deadline. Answers how
    /// many requests were.
    async fn close(self, node: &Node, deadline: Deadline) -> usize {
        node.readiness.drain();
        self.draining.store(true, Ordering::Relaxed);
        self.control.abort();
        let _gone_already = std::fs::remove_file(node.config().data.dir.join(SOCKET));
        let cut = match self.gateway {
            Some(gateway) => gateway.stop(deadline).await,
            None => 0,
        };
        if let Some(nodes) = self.nodes {
            nodes.close(deadline).await;
        }
        self.operator.close().await;
        if let Some(monitoring) = self.monitoring {
            monitoring.close().await;
        }
        cut
    }
}

fn serve_gateway(node: &Node, asks: Asks, draining: Arc<AtomicBool>) -> Result<Serving, Failure> {
    let metrics = Arc::new(HttpInstruments::new(&node.metrics));
    let gateway = Gateway::new(node.config(), asks, node.secret(), draining, metrics);
    node.metrics.observe_limits(gateway.limit_counts());
    gateway.serve().map_err(|error| unserved(&error))
}

/// What operators see, and what of it is for probes and Prometheus elsewhere.
fn serve_operator(node: &Node) -> Result<(Listener, Option<Listener>), Failure> {
    let live = Live::new(node.name(), node.faults());
    let shown =
        Operator { tree: node.root().tree(), readiness: node.readiness.clone(), metrics: node.metrics.clone(), live };
    let cannot = |key: &str, listen, error| Failure::unavailable(format!("{key}: cannot listen on {listen}: {error}"));
    let portico_config::Operator { listen, monitoring } = node.config().operator;
    let all = shown.serve(listen, operator::everything).map_err(|error| cannot("operator.listen", listen, error))?;
    let serve = |listen| {
        shown.serve(listen, operator::monitoring).map_err(|error| cannot("operator.monitoring", listen, error))
    };
    Ok((all, monitoring.map(serve).transpose()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_all_of_a_shutdown_but_a_tenth_which_is_a_second_at_the_most() {
        for (total_ms, most_left_ms) in [(300, 30), (4000, 400), (20_000, 1000), (600_000, 1000)] {
            let deadline = Deadline::within(Duration::from_millis(total_ms));

            let left = deadline.instant() - for_requests(deadline).instant();

            assert!(left <= Duration::from_millis(most_left_ms), "{total_ms}: {left:?}");
            assert!(left > Duration::ZERO, "{total_ms}: the actors have their part");
        }
    }

    #[test]
    fn whoever_cut_requests_off_does_not_end_in_order() {
        assert!(told(0, Ok(())).is_ok());
        assert_eq!(told(2, Ok(())).unwrap_err().to_string(), "requests cut off before they were answered: 2");
        let both = told(1, Err(Failure::software("actors too"))).unwrap_err();
        assert_eq!(both.to_string(), "requests cut off before they were answered: 1; actors too");
    }
}
