//! The reference of a request that is carried on to other nodes: a bare handler that makes gRPC calls, over tonic's own channel,
//! of bare servers that answer at once. Messages are as long as those of the nodes, and mean nothing.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    io,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    task::{Context, Poll},
};

use actix_web::{
    App, HttpResponse, HttpServer,
    error::ErrorBadGateway,
    web::{self, Bytes, Data},
};
use futures_util::future::{BoxFuture, try_join_all};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    client::Grpc,
    codegen::{Service, http},
    server::{NamedService, UnaryService},
    service::Routes,
    transport::{Channel, Endpoint, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

use super::Canned;
use crate::{node::Node, run::Failure};

/// The one call that there is.
const PATH: &str = "/bench.Calls/Call";

/// What precedes the content of a message that is nothing but bytes.
const FIELD_BYTES: usize = 2;

/// What is answered to every request once each call was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Relayed {
    /// The answer.
    pub canned: Canned,
    /// Who is called at first, with how many bytes.
    pub first: (SocketAddr, usize),
    /// Who is called after that, at the same time.
    pub then: Vec<(SocketAddr, usize)>,
}

/// Starts a server that answers with so many bytes, as a process of its own that stays on `core`.
///
/// # Errors
/// It cannot be started.
pub fn start_server(answer: usize, bench: &Path, core: usize) -> Result<Node, Failure> {
    start(&["calls", &answer.to_string()], bench, core)
}

/// Starts the handler, as a process of its own that stays on `core`.
///
/// # Errors
/// It cannot be started.
pub fn start_relay(relayed: &Relayed, bench: &Path, core: usize) -> Result<Node, Failure> {
    start(&["relay", &serde_json::to_string(relayed).map_err(Failure::said)?], bench, core)
}

fn start(arguments: &[&str], bench: &Path, core: usize) -> Result<Node, Failure> {
    let mut command = Command::new(bench);
    command.args(arguments).stderr(Stdio::inherit());
    Node::start(command, Some(core))
}

/// Answers every call with so many bytes, until the process is killed.
///
/// # Errors
/// No port is free.
pub fn serve(answer: usize) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        println!("operator listening on http://{address}\nnodes ask on {address}");
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let routes = Routes::new(Calls(content(answer)));
        tonic::transport::Server::builder().serve_with_incoming(routes, incoming).await.map_err(io::Error::other)
    })
}

/// Answers every request once all calls were answered, with one worker, until the process is killed.
///
/// # Errors
/// No port is free.
pub fn relay(relayed: Relayed) -> io::Result<()> {
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let then = relayed.then.iter().copied().map(Call::new).collect();
            let body = Bytes::from(relayed.canned.body.clone());
            let relay = Relay { body, first: Call::new(relayed.first), then };
            App::new().app_data(Data::new(relay)).route("/me", web::get().to(answer))
        })
        .workers(1)
        .bind("127.0.0.1:0")?;
        let address = server.addrs()[0];
        println!("operator listening on http://{address}\ngateway listening on http://{address}");
        server.run().await
    })
}

struct Relay {
    body: Bytes,
    first: Call,
    then: Vec<Call>,
}

async fn answer(relay: Data<Relay>) -> actix_web::Result<HttpResponse> {
    relay.first.make().await.map_err(ErrorBadGateway)?;
    try_join_all(relay.then.iter().map(Call::make)).await.map_err(ErrorBadGateway)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(relay.body.clone()))
}

/// A call that is made again and again.
struct Call {
    channel: Channel,
    content: Bytes,
}

impl Call {
    fn new((address, bytes): (SocketAddr, usize)) -> Self {
        Self { channel: channel(address), content: content(bytes) }
    }

    async fn make(&self) -> Result<Bytes, Status> {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = http::uri::PathAndQuery::from_static(PATH);
        let codec = ProstCodec::<Bytes, Bytes>::default();
        Ok(grpc.unary(Request::new(self.content.clone()), path, codec).await?.into_inner())
    }
}

fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).expect("an address is an authority").connect_lazy()
}

/// A message that takes so many bytes.
fn content(bytes: usize) -> Bytes {
    vec![b'x'; bytes.saturating_sub(FIELD_BYTES)].into()
}

/// Answers every call with the same bytes.
#[derive(Clone)]
struct Calls(Bytes);

impl NamedService for Calls {
    const NAME: &'static str = "bench.Calls";
}

impl Service<http::Request<Body>> for Calls {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Bytes, Bytes>::default());
            Ok(grpc.unary(calls, request).await)
        })
    }
}

impl UnaryService<Bytes> for Calls {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(self.0.clone())))
    }
}
