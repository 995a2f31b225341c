//! A connection that is made anew when it is lost, with everything declared that must be there.
//!
//! Invariant: whoever asks gets an answer within [`PATIENCE`]. Of connections that are being made there is one at a time:
//! the client gives each a thread, which lives as long as its socket, so that one that hangs is waited for again rather
//! than made anew.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{BasicQosOptions, ConfirmSelectOptions},
    protocol::constants::REPLY_SUCCESS,
    tcp::OwnedTLSConfig,
    uri::AMQPUri,
};
use tokio::{runtime::Handle, sync::Mutex, task::JoinHandle, time::timeout};

use super::{Settings, Topology, Unusable};

/// How long is waited for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// After this a connection that hangs is made anew all the same.
const HANGS_MAX: Duration = Duration::from_mins(1);
/// Deliveries that are on their way and not settled.
pub(super) const PREFETCH: u16 = 32;

/// A connection, for as long as it lasts.
pub(super) struct Link {
    plan: Arc<Plan>,
    /// What connects and reads, however short-lived the runtime of whoever asks.
    runtime: Handle,
    state: Mutex<State>,
}

/// What is to be connected to, and what is to be there.
struct Plan {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
    name: &'static str,
    topology: Topology,
}

#[derive(Default)]
struct State {
    open: Option<Arc<Open>>,
    attempt: Option<Attempt>,
}

struct Attempt {
    since: Instant,
    task: JoinHandle<lapin::Result<Open>>,
}

/// An open channel, which confirms what is published on it.
pub(super) struct Open {
    pub(super) channel: Channel,
    connection: Connection,
}

impl Open {
    fn works(&self) -> bool {
        self.channel.status().connected() && self.connection.status().connected()
    }
}

impl Link {
    /// A link called `name` on the server, which is connected when it is first asked for.
    pub(super) fn new(name: &'static str, settings: &Settings, topology: Topology) -> Result<Self, Unusable> {
        let (uri, tls) = settings.target()?;
        let plan = Arc::new(Plan { uri, tls, name, topology });
        Ok(Self { plan, runtime: Handle::current(), state: Mutex::default() })
    }

    pub(super) fn topology(&self) -> &Topology {
        &self.plan.topology
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The open channel, or a new one.
    pub(super) async fn open(&self) -> Result<Arc<Open>, Unusable> {
        let opened = timeout(PATIENCE, self.opened()).await;
        opened.unwrap_or_else(|_| Err(Unusable::for_now("the server does not answer")))
    }

    /// Cancelling the wait leaves the connection that is being made to whoever asks next.
    async fn opened(&self) -> Result<Arc<Open>, Unusable> {
        let mut state = self.state.lock().await;
        state.open.take_if(|open| !open.works());
        if let Some(open) = &state.open {
            return Ok(Arc::clone(open));
        }
        state.attempt.take_if(|attempt| attempt.since.elapsed() > HANGS_MAX);
        let attempt = state.attempt.get_or_insert_with(|| {
            let plan = Arc::clone(&self.plan);
            Attempt { since: Instant::now(), task: self.runtime.spawn(async move { plan.connect().await }) }
        });
        let ended = (&mut attempt.task).await;
        state.attempt = None;
        let ended = ended.map_err(|ended| Unusable::for_now(format!("the connection was not made: {ended}")))?;
        let open = Arc::new(ended?);
        state.open = Some(Arc::clone(&open));
        Ok(open)
    }

    /// Gives a connection up on which something went wrong. What was under way on it is undecided.
    pub(super) async fn lose(&self, lost: &Arc<Open>) {
        self.state.lock().await.open.take_if(|open| Arc::ptr_eq(open, lost));
        let lost = Arc::clone(lost);
        self.runtime.spawn(async move {
            let _gone_already = lost.connection.close(REPLY_SUCCESS, "given up".into()).await;
        });
    }

    /// Closes the connection in order.
    pub(super) async fn close(&self) -> Result<(), Unusable> {
        let Some(open) = self.state.lock().await.open.take() else { return Ok(()) };
        within(PATIENCE, open.connection.close(REPLY_SUCCESS, "the node stops".into())).await
    }

    /// Proves that the server answers.
    pub(super) async fn check(&self) -> Result<(), Unusable> {
        let open = self.open().await?;
        within(PATIENCE, self.plan.topology.find(&open.channel)).await
    }
}

/// What the server answers, if it does.
pub(super) async fn within<T>(limit: Duration, answer: impl Future<Output = lapin::Result<T>>) -> Result<T, Unusable> {
    match timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Unusable::for_now("the server does not answer")),
    }
}

impl Plan {
    async fn connect(&self) -> lapin::Result<Open> {
        let properties = ConnectionProperties::default().with_connection_name(self.name.into());
        let runtime = lapin::runtime::default_runtime()?;
        let connection =
            Connection::connect_uri_with_config(self.uri.clone(), properties, self.tls.clone(), runtime).await?;
        let channel = connection.create_channel().await?;
        self.topology.declare(&channel).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        tracing::info!(name = self.name, "connected to RabbitMQ");
        Ok(Open { channel, connection })
    }
}
