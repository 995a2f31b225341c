//! Every call on its way in: bounded by address, and counted where there is no such call.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, Ready, ready};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use portico_kernel::AskError;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Service, http},
};

use super::{
    io::Caller,
    quota::CallPermit,
    refusals::{Refusal, Refusals},
};
use crate::grpc::wire;

/// All that can be called.
#[derive(Clone)]
pub(super) struct Calls<S> {
    routes: S,
    refusals: Refusals,
}

impl<S> Calls<S> {
    pub(super) fn new(routes: S, refusals: Refusals) -> Self {
        Self { routes, refusals }
    }
}

type Answered = Result<http::Response<Body>, Infallible>;

impl<S> Service<http::Request<Body>> for Calls<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Either<BoxFuture<'static, Answered>, Ready<Answered>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.routes.poll_ready(task)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>().expect("every connection has its caller");
        let (address, begun) = (caller.address, caller.quota.begin());
        let Some(permit) = begun else {
            self.refusals.note(Refusal::Calls, address, &"its address has its share of the calls");
            return Either::Right(ready(Ok(wire::refused(AskError::Overloaded).into_http())));
        };
        let (uri, refusals) = (request.uri().clone(), self.refusals.clone());
        let answered = self.routes.call(request);
        Either::Left(Box::pin(async move {
            let response = answered.await?;
            if is_unknown(&response) {
                refusals.note(Refusal::Unknown, address, &uri.path());
            }
            Ok(response.map(|body| Body::new(Held { body, _permit: permit })))
        }))
    }
}

/// Whether this is the answer to a call that there is not.
fn is_unknown(response: &http::Response<Body>) -> bool {
    let status = response.headers().get(Status::GRPC_STATUS);
    status.is_some_and(|status| Code::from_bytes(status.as_bytes()) == Code::Unimplemented)
}

/// An answer that is on its way: until it has gone the call has its place.
struct Held {
    body: Body,
    _permit: CallPermit,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
