//! The connection to a node, for as long as it lasts.
//!
//! Invariant: there is one at a time, and of those being made one at a time; whoever waits for it shares what comes of it.
//! A call that is given back unsent says so ([`Unsent`]), and nothing else does.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use tokio::{runtime::Handle, time::Instant};
use tonic::{
    body::Body,
    client::{Grpc, GrpcService},
    codegen::{StdError, http},
};

use super::{
    Settings,
    dial::{Dial, Unreachable},
    standing::Standing,
};
use crate::grpc::server::MESSAGE_MAX;

/// A connection that is being made, or was.
type Attempt = Shared<BoxFuture<'static, Made>>;
type Made = Result<Arc<Connection>, Arc<Unreachable>>;

/// The way to a node.
pub(super) struct Link {
    dial: Arc<Dial>,
    runtime: Handle,
    standing: Arc<Mutex<Standing>>,
    attempt: Mutex<Option<Attempt>>,
}

impl Link {
    pub(super) fn new(
        address: SocketAddr,
        name: &str,
        settings: Arc<Settings>,
        runtime: Handle,
        standing: Arc<Mutex<Standing>>,
    ) -> Self {
        let dial = Arc::new(Dial::new(address, name, settings));
        Self { dial, runtime, standing, attempt: Mutex::default() }
    }

    /// Whether there is a connection already.
    pub(super) fn is_open(&self) -> bool {
        self.attempt().as_ref().is_some_and(|attempt| ended(attempt).is_some_and(|ended| is_usable(&ended)))
    }

    /// The connection, or a new one. Cancelling the wait leaves the one that is being made to whoever asks next.
    pub(super) fn connection(&self) -> Attempt {
        let mut attempt = self.attempt();
        attempt.take_if(|attempt| ended(attempt).is_some_and(|ended| !is_usable(&ended)));
        attempt.get_or_insert_with(|| self.connect()).clone()
    }

    fn connect(&self) -> Attempt {
        let (dial, standing) = (Arc::clone(&self.dial), Arc::clone(&self.standing));
        let connecting = self.runtime.spawn(async move {
            dial.connect().await.map(Arc::new).map_err(|error| {
                let ejects = standing.lock().unwrap_or_else(PoisonError::into_inner).unreachable(Instant::now());
                if ejects {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(peer.address = %dial.address(), error, "another node cannot be reached");
                }
                Arc::new(error)
            })
        });
        connecting.map(|ended| ended.unwrap_or_else(|ended| Err(Arc::new(Unreachable::Ended(ended))))).boxed().shared()
    }

    /// Does not use `lost` again.
    pub(super) fn lose(&self, lost: &Arc<Connection>) {
        let is_it = |attempt: &mut Attempt| {
            ended(attempt).is_some_and(|ended| ended.is_ok_and(|open| Arc::ptr_eq(&open, lost)))
        };
        self.attempt().take_if(is_it);
    }

    /// Does not use whichever connection there is again. Calls that are in flight on it go on.
    pub(super) fn forget(&self) {
        self.attempt().take_if(|attempt| ended(attempt).is_some());
    }

    fn attempt(&self) -> MutexGuard<'_, Option<Attempt>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of an attempt, even if nobody waited for it to the end.
fn ended(attempt: &Attempt) -> Option<Made> {
    attempt.clone().now_or_never()
}

fn is_usable(ended: &Made) -> bool {
    ended.as_ref().is_ok_and(|connection| !connection.sender.is_closed())
}

/// An open connection. It is closed when it is dropped and its last call has ended.
pub(super) struct Connection {
    sender: SendRequest<Body>,
    origin: http::Uri,
}

impl Connection {
    pub(super) fn new(sender: SendRequest<Body>, origin: http::Uri) -> Self {
        Self { sender, origin }
    }

    /// What makes a call.
    pub(super) fn client(&self) -> Grpc<Sending> {
        Grpc::with_origin(Sending(self.sender.clone()), self.origin.clone())
            .max_decoding_message_size(MESSAGE_MAX)
            .max_encoding_message_size(MESSAGE_MAX)
    }
}

/// A call that provably never ran: it was given back, or the other side says that it did not heed it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsent {
    /// The connection is no good any more.
    #[error("connection was closed before the call")]
    Closed(#[source] hyper::Error),
    /// This stream was refused (RFC 9113, section 8.7).
    #[error("call was refused")]
    Refused(#[source] hyper::Error),
}

/// Sends a request, and keeps apart what never ran.
pub(in crate::grpc) struct Sending(SendRequest<Body>);

impl GrpcService<Body> for Sending {
    type ResponseBody = Incoming;
    type Error = StdError;
    type Future = BoxFuture<'static, Result<http::Response<Incoming>, StdError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let sent = self.0.try_send_request(request);
        Box::pin(async move {
            sent.await.map_err(|error| {
                let is_given_back = error.message().is_some();
                judge(error.into_error(), is_given_back)
            })
        })
    }
}

/// Until the head of a response has come, the other side's word that it did not heed a stream is the last one: it refused
/// it, or named a lower stream as the last that it will have heeded (RFC 9113, section 6.8).
fn judge(error: hyper::Error, is_given_back: bool) -> StdError {
    let h2 = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<h2::Error>());
    let theirs = h2.filter(|h2| h2.is_remote());
    let is_refused = theirs.is_some_and(|h2| h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM));
    let is_passed_over = theirs.is_some_and(h2::Error::is_go_away);
    if is_given_back || is_passed_over {
        Unsent::Closed(error).into()
    } else if is_refused {
        Unsent::Refused(error).into()
    } else {
        error.into()
    }
}
