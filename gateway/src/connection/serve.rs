//! Accepts connections, over TLS or not, and serves HTTP/1.1 on each: what `actix_web::HttpServer` does, on a [`Watched`]
//! stream.

use std::{fmt, future::ready, io, net::SocketAddr, sync::Arc, time::Duration};

use actix_http::{HttpService, Protocol, Request, Response, error::DispatchError};
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_tls::accept::{
    TlsError,
    rustls_0_23::{Acceptor, TlsStream},
};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, Extensions},
    rt::net::TcpStream,
};
use portico_config::Gateway;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    DISCONNECT, Observer, Patience, Work,
    watched::{OverTcp, Watched},
};

/// How connections are served.
#[derive(Clone)]
pub(crate) struct Connections {
    patience: Patience,
    keep_alive: Duration,
    address: SocketAddr,
    draining: GracefulShutdownSignal,
    work: Work,
    observer: Arc<Observer>,
}

impl Connections {
    /// Those that `address` listens for, counted by `work`; `draining` resolves when the server begins to stop.
    pub(crate) fn new(
        http: &Gateway,
        address: SocketAddr,
        draining: GracefulShutdownSignal,
        work: Work,
        observer: Observer,
    ) -> Self {
        let keep_alive = Duration::from_millis(http.deadlines.keep_alive_ms);
        Self { patience: Patience::new(http), keep_alive, address, draining, work, observer: Arc::new(observer) }
    }

    /// Serves `application` as it is.
    pub(crate) fn plain<A, S, B>(
        &self,
        application: A,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<A, S, B>
    where
        A: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let (patience, work, observer) = (self.patience, self.work.clone(), Arc::clone(&self.observer));
        fn_service(move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            ready(Ok((Watched::new(stream, patience, &work, &observer), Protocol::Http1, peer)))
        })
        .and_then(self.http(application))
    }

    /// Serves `application` over TLS.
    pub(crate) fn secure<A, S, B>(
        &self,
        application: A,
        tls: &ServerConfig,
    ) -> impl ServiceFactory<
        TcpStream,
        Config = (),
        Response = (),
        Error = TlsError<io::Error, DispatchError>,
        InitError = (),
    > + use<A, S, B>
    where
        A: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let (patience, work, observer) = (self.patience, self.work.clone(), Arc::clone(&self.observer));
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Acceptor::new(tls)
            .map_err(TlsError::into_service_error)
            .and_then(move |stream: TlsStream<TcpStream>| {
                let peer = stream.get_ref().0.peer_addr().ok();
                ready(Ok((Watched::new(stream, patience, &work, &observer), Protocol::Http1, peer)))
            })
            .and_then(self.http(application).map_err(TlsError::Service))
    }

    /// HTTP/1.1 on streams of any kind.
    fn http<T, A, S, B>(
        &self,
        application: A,
    ) -> impl ServiceFactory<
        (Watched<T>, Protocol, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<T, A, S, B>
    where
        T: AsyncRead + AsyncWrite + OverTcp + Unpin + 'static,
        A: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let draining = self.draining.clone();
        let application = application.into_factory().map_err(|error| error.into().error_response());
        HttpService::build()
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .keep_alive(self.keep_alive)
            .client_request_timeout(Duration::ZERO) // none: `Watched` bounds the time of every head, not of the first alone
            .client_disconnect_timeout(DISCONNECT)
            .local_addr(self.address)
            .on_connect_ext(|stream: &Watched<T>, data: &mut Extensions| {
                data.insert(stream.progress());
            })
            .finish(map_config(application, |()| AppConfig::default()))
    }
}
