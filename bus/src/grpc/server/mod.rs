//! The domains of this node, for others to ask.
//!
//! Invariant: what a stranger or a broken peer can take is bounded: connections, the time for their handshakes, streams
//! on each, calls of one address, and the size of a message. No address can take all of it.

mod admission;
mod asks;
mod calls;
mod content;
mod io;
mod listener;
mod quota;
mod refusals;
mod serve;
mod tail;
mod upload;

use std::{convert::Infallible, sync::Arc, time::Duration};

use portico_log::Tail;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
    service::RoutesBuilder,
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::{Builder as Reflection, Error as ReflectionError};

use self::{
    admission::{Exception, Guarded},
    asks::Photos,
    calls::Calls,
};
pub use self::{
    io::Caller,
    refusals::{Refusal, Refusals},
};
use super::{
    Streamed as _,
    proto::{
        self, log::v1::logs_server::LogsServer, photo::v1::photos_server::PhotosServer,
        session::v1::sessions_server::SessionsServer, user::v1::users_server::UsersServer,
    },
};

/// What the certificate of somebody names who reads what all nodes have logged.
pub const OPERATOR: &str = "operator";
/// The longest message, in bytes.
pub(super) const MESSAGE_MAX: usize = 1024 * 1024;
/// A peer that says nothing for so long is asked whether it is there,
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// and is given up after this long without an answer.
pub(super) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a stream may be on its way before the other side has taken it: four chunks of content.
pub(super) const WINDOW: u32 = 256 * 1024;
/// Calls that were cancelled before they were looked at: deadlines of many calls may pass at once. More than that is an attack
/// (CVE-2023-44487).
const CANCELLED_MAX: usize = 256;
/// Streams of one connection that break the rules, such as those beyond the bound, before it is ended.
const BROKEN_MAX: usize = 1024;
/// The longest head of a request, in bytes.
const HEAD_MAX: u32 = 16 * 1024;

/// The window of a connection with so many streams: none of them waits because others are not taken.
pub(super) fn windows(streams: usize) -> u32 {
    // The most that there is (RFC 9113, section 6.9.1).
    const WINDOW_MAX: u32 = (1 << 31) - 1;
    u32::try_from(streams).unwrap_or(u32::MAX).saturating_mul(WINDOW).clamp(WINDOW, WINDOW_MAX)
}

/// What one server may be asked to bear.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections; one more is closed at once.
    pub connections_max: usize,
    /// The most of one address.
    pub connections_per_address_max: usize,
    /// The most calls in flight on each; one more is refused, and never ran.
    pub calls_per_connection_max: u32,
    /// The most calls in flight of one address, over all of its connections.
    pub calls_per_address_max: usize,
    /// How long a TLS handshake may take, and how long HTTP/2's greeting after it.
    pub handshake_timeout: Duration,
    /// How long an upload may pause; then it is broken off.
    pub upload_pause_max: Duration,
    /// How long nobody may take of a photo's content; then it is broken off. 128 KiB are taken at a time.
    pub content_pause_max: Duration,
}

impl Default for Limits {
    /// For some hundred nodes: 1,024 connections with 256 calls each, and 5 s for a handshake. At one address there may be
    /// several nodes: 64 connections and 2,048 calls. An upload may pause for a minute, and what takes a photo's content for
    /// five: for clients that take half a kilobyte each second.
    fn default() -> Self {
        Self {
            connections_max: 1024,
            connections_per_address_max: 64,
            calls_per_connection_max: 256,
            calls_per_address_max: 2048,
            handshake_timeout: Duration::from_secs(5),
            upload_pause_max: Duration::from_mins(1),
            content_pause_max: Duration::from_mins(5),
        }
    }
}

/// Why no server was made, or why it ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The contracts cannot be served: a bug.
    #[error("contracts cannot be told by reflection")]
    Reflection(#[from] ReflectionError),
    /// The server ended before it was stopped.
    #[error("gRPC server failed")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves whichever domains the node hosts, with grpc.health.v1 and reflection beside them.
pub struct Server {
    limits: Limits,
    tls: Option<Arc<ServerConfig>>,
    routes: RoutesBuilder,
    names: Vec<&'static str>,
    health: HealthReporter,
    refusals: Refusals,
    callers: Option<Arc<[String]>>,
}

impl Server {
    /// A server that hosts no domain yet.
    pub fn new(limits: Limits) -> Self {
        let (health, service) = tonic_health::server::health_reporter();
        let mut routes = RoutesBuilder::default();
        routes.add_service(service);
        Self { limits, tls: None, routes, names: Vec::new(), health, refusals: Refusals::default(), callers: None }
    }

    /// Accepts TLS alone, by `config`, which says what certificates it wants of its clients.
    #[must_use]
    pub fn tls(mut self, config: &ServerConfig) -> Self {
        let mut config = config.clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        self.tls = Some(Arc::new(config));
        self
    }

    /// Has what is hosted from here on be asked by nodes alone whose certificates name one of `callers`, if they have any.
    #[must_use]
    pub fn asked_by(mut self, callers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.callers = Some(callers.into_iter().map(Into::into).collect());
        self
    }

    /// Hosts the session domain.
    #[must_use]
    pub fn sessions(self, asks: portico_session::Asks) -> Self {
        let service = SessionsServer::new(asks);
        self.host(service.max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX), None)
    }

    /// Hosts the user domain.
    #[must_use]
    pub fn users(self, asks: portico_user::Asks) -> Self {
        let service = UsersServer::new(asks);
        self.host(service.max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX), None)
    }

    /// Hosts the photo domain.
    #[must_use]
    pub fn photos(self, asks: portico_photo::Asks) -> Self {
        let service = PhotosServer::new(Photos { asks, limits: self.limits });
        self.host(service.max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX), None)
    }

    /// Hosts the log domain, as far as others ask it. Records are read by people alone: those whose certificates name
    /// [`OPERATOR`].
    #[must_use]
    pub fn logs(self, asks: portico_log::Asks) -> Self {
        let service = LogsServer::new(asks);
        let service = service.max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX);
        self.host(service, Some(Exception { path: Tail::PATH, callers: Arc::new([OPERATOR.to_owned()]) }))
    }

    fn host<S>(mut self, service: S, exception: Option<Exception>) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(Guarded::new(service, self.callers.clone(), exception, self.refusals.clone()));
        self
    }

    /// Who was refused, counted; for metrics.
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// Serves on `listener` until `stopped`; then it is not serving any more by its own word, takes no more calls, and lets
    /// those in flight end, for which it waits as long as they take.
    ///
    /// # Errors
    /// It cannot serve.
    pub async fn serve(mut self, listener: TcpListener, stopped: impl Future<Output = ()>) -> Result<(), ServerError> {
        self.routes.add_service(self.reflection().build_v1()?);
        let routes = std::mem::take(&mut self.routes).routes().prepare();
        let calls = Calls::new(routes, self.refusals.clone());
        self.tell(ServingStatus::Serving).await;
        let incoming = listener::connections(listener, self.tls.clone(), self.limits, self.refusals.clone());
        let stopped = async {
            stopped.await;
            self.tell(ServingStatus::NotServing).await;
        };
        let server = tonic::transport::Server::builder()
            .max_concurrent_streams(self.limits.calls_per_connection_max)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(windows(self.limits.calls_per_connection_max as usize))
            .http2_max_pending_accept_reset_streams(Some(CANCELLED_MAX))
            .http2_max_local_error_reset_streams(Some(BROKEN_MAX))
            .http2_max_header_list_size(HEAD_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT));
        Ok(server.serve_with_incoming_shutdown(calls, incoming, stopped).await?)
    }

    /// Tells of the services that are hosted, and no others.
    fn reflection(&self) -> Reflection<'static> {
        let names = self.names.iter().copied().chain(["grpc.health.v1.Health"]);
        let all = Reflection::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        names.fold(all, Reflection::with_service_name)
    }

    async fn tell(&self, status: ServingStatus) {
        for name in self.names.iter().copied().chain([""]) {
            self.health.set_service_status(name, status).await;
        }
    }
}
