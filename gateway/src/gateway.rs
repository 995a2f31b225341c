//! Puts the surface together and serves it.
//!
//! Invariant: every worker thread has an application of its own; what they share is read-only or a port of a domain.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use actix_cors::Cors;
use actix_web::{
    App, HttpResponse,
    dev::Server,
    http::{Method, header},
    middleware::{Condition, from_fn},
    web::{self, Data},
};
use portico_config::Config;

use crate::{
    Asks, HttpMetrics, Problem, Serving, Settings,
    connection::{Connections, Observer, Work},
    docs,
    limits::{Count, Limits, Time},
    listener::{self, ClosableListener},
    middleware::{admit, surround},
    problem::Code,
    routes,
    tls::{self, TlsError},
};

/// How long a browser may remember what another origin may do.
const PREFLIGHT_KEPT_S: usize = 600;
/// What the server calls this surface in its own records.
const NAME: &str = "gateway";

/// The REST surface, ready to be served.
#[derive(Clone)]
pub struct Gateway {
    settings: Data<Settings>,
    asks: Asks,
    limits: Data<Limits>,
    metrics: Arc<dyn HttpMetrics>,
}

/// Why the surface cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The TLS files cannot be used.
    #[error("cannot serve TLS")]
    Tls(#[from] TlsError),
}

impl Gateway {
    /// A surface over `asks`. `secret` is the node's own: fingerprints and device cookies are made with it. The node
    /// sets `draining` when it begins to stop: connections are closed from then on.
    pub fn new(
        config: &Config,
        asks: Asks,
        secret: [u8; 32],
        draining: Arc<AtomicBool>,
        metrics: Arc<dyn HttpMetrics>,
    ) -> Self {
        let settings = Data::new(Settings::new(config, secret, draining));
        let asks = asks.within(&settings);
        let limits = Data::new(Limits::new(config, &settings, &Time::system()));
        Self { settings, asks, limits, metrics }
    }

    /// Lets limits run by another clock: for tests.
    #[must_use]
    pub fn by_clock(mut self, config: &Config, time: &Time) -> Self {
        self.limits = Data::new(Limits::new(config, &self.settings, time));
        self
    }

    /// Reads how often each limit allowed and refused: for metrics.
    pub fn limit_counts(&self) -> impl Fn() -> Vec<Count> + Send + Sync + use<> {
        let limits = Data::clone(&self.limits);
        move || limits.counts()
    }

    /// Binds, and serves on worker threads of its own; they live no longer than the runtime that this is called on.
    ///
    /// # Errors
    /// The address cannot be bound, or the TLS files cannot be used.
    pub fn serve(mut self) -> Result<Serving, ServeError> {
        let http = self.settings.http.clone();
        let mut server = Server::build()
            .max_concurrent_connections(http.limits.connections_max)
            .shutdown_timeout(u64::MAX) // `Serving::stop` keeps the time
            .disable_signals();
        if let Some(workers) = http.workers {
            server = server.workers(workers.get());
        }
        let tls = match (&http.tls.certificate_file, &http.tls.key_file) {
            (Some(certificate), Some(key)) => Some(tls::server_config(certificate, key)?),
            _ => None,
        };
        let failed = |source| ServeError::Bind { address: http.listen, source };
        let listener = listener::listen(http.listen).map_err(failed)?;
        let (address, listening) =
            (listener.local_addr().map_err(failed)?, ClosableListener::of(&listener).map_err(failed)?);
        self.settings = Data::new(Settings::clone(&self.settings).at(address.port()));
        let work = Work::default();
        let stopping = server.graceful_shutdown_signal();
        let observer = Observer::new(Data::clone(&self.settings), Arc::clone(&self.metrics));
        let connections = Connections::new(&http, address, stopping.clone(), work.clone(), observer);
        let server = match tls {
            Some(tls) => server.listen(NAME, listener, move || connections.secure(self.clone().application(), &tls)),
            None => server.listen(NAME, listener, move || connections.plain(self.clone().application())),
        };
        let server = server.map_err(failed)?.run();
        Ok(Serving::begin(address, server, stopping, work, listening))
    }

    /// One worker's application. What is wrapped last is outermost.
    fn application(
        self,
    ) -> App<
        impl actix_web::dev::ServiceFactory<
            actix_web::dev::ServiceRequest,
            Config = (),
            Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>,
            Error = actix_web::Error,
            InitError = (),
        >,
    > {
        let Self { settings, asks, limits, metrics } = self;
        App::new()
            .app_data(Data::clone(&settings))
            .app_data(Data::new(metrics))
            .configure(|config| asks.provide(config))
            .configure(|config| Limits::provide(&limits, config))
            .configure(|config| routes::all().register(config))
            .configure(docs::register)
            .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::new(Code::NotFound)) }))
            .wrap(from_fn(admit))
            .wrap(Condition::new(!settings.http.cors.allowed_origins.is_empty(), cors(&settings)))
            .wrap(from_fn(surround))
    }
}

/// Which other origins may call, with credentials.
fn cors(settings: &Settings) -> Cors {
    let origins = &settings.http.cors.allowed_origins;
    origins
        .iter()
        .fold(Cors::default(), |cors, origin| cors.allowed_origin(origin))
        .allowed_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allowed_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::RANGE,
        ])
        .allowed_headers(["idempotency-key", "traceparent", "x-device-token"])
        .expose_headers([
            "etag",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-device-token",
            "x-request-id",
        ])
        .supports_credentials()
        .max_age(PREFLIGHT_KEPT_S)
}
