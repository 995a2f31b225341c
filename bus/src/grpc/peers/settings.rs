//! Where the nodes are, and how they are asked.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use portico_kernel::RetryBudget;
use rustls::ClientConfig;

/// Looks up where a `host:port` is.
pub(super) type Resolve = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Where the nodes are, and how they are asked.
#[derive(Clone)]
pub struct Settings {
    pub(super) addresses: Vec<String>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) server_name: Option<String>,
    pub(super) connect_timeout: Duration,
    pub(super) refresh_every: Duration,
    pub(super) in_flight_max: usize,
    pub(super) silence_max: Duration,
    pub(super) budget: RetryBudget,
    pub(super) resolve: Resolve,
}

impl Settings {
    /// Nodes at `addresses`, each a `host:port`. A name may stand for several nodes, which may change.
    pub fn of(addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            addresses: addresses.into_iter().map(Into::into).collect(),
            tls: None,
            server_name: None,
            connect_timeout: Duration::from_secs(1),
            refresh_every: Duration::from_secs(5),
            in_flight_max: 256,
            silence_max: Duration::from_mins(1),
            budget: RetryBudget::default(),
            resolve: Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host(name).await?.collect()) })),
        }
    }

    /// Connects with TLS by `config`. A node must prove to be the host that its address names.
    #[must_use]
    pub fn tls(mut self, config: &ClientConfig) -> Self {
        let mut config = config.clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        self.tls = Some(Arc::new(config));
        self
    }

    /// Has every node prove to be `name` instead: where nodes are named by what they do, and not by where they are.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// How long a connection, with its handshakes, may take; 1 s if nothing is said.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often it is looked up where the nodes are; every 5 s if nothing is said.
    #[must_use]
    pub fn refresh_every(mut self, period: Duration) -> Self {
        self.refresh_every = period;
        self
    }

    /// The most calls in flight to one node; 256 if nothing is said, which is what a node takes. One more is refused here:
    /// where the other side has no room, a call would wait unseen, and nobody could tell that it never ran. Half of them at
    /// most are such that content goes with.
    #[must_use]
    pub fn in_flight_max(mut self, max: usize) -> Self {
        self.in_flight_max = max;
        self
    }

    /// How long a node may be silent while content is awaited from it; 1 min if nothing is said.
    #[must_use]
    pub fn silence_max(mut self, max: Duration) -> Self {
        self.silence_max = max;
        self
    }

    /// What bounds the calls that are made again.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Looks addresses up by `resolve` instead of asking the system.
    #[must_use]
    pub fn resolve<F, Fut>(mut self, resolve: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        self.resolve = Arc::new(move |name| Box::pin(resolve(name)));
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("addresses", &self.addresses)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}
