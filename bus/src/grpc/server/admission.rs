//! Which nodes may ask a service: those whose certificates name one of its callers. One of its calls may be for others.
//!
//! Without TLS everybody on this machine may; whoever serves so was told to trust them.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
};

use super::{
    io::Caller,
    refusals::{Refusal, Refusals},
};
use crate::grpc::wire;

/// A service, and who may ask it.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    service: S,
    /// None: whoever was let in.
    callers: Option<Arc<[String]>>,
    exception: Option<Exception>,
    refusals: Refusals,
}

/// One call of a service, and who alone may make it.
#[derive(Clone)]
pub(super) struct Exception {
    /// `/portico.log.v1.Logs/Tail`.
    pub(super) path: &'static str,
    pub(super) callers: Arc<[String]>,
}

impl<S> Guarded<S> {
    pub(super) fn new(
        service: S,
        callers: Option<Arc<[String]>>,
        exception: Option<Exception>,
        refusals: Refusals,
    ) -> Self {
        Self { service, callers, exception, refusals }
    }

    fn admits(&self, caller: Option<&Caller>, path: &str) -> bool {
        let exception = self.exception.as_ref().filter(|exception| exception.path == path);
        let callers = exception.map(|exception| &exception.callers).or(self.callers.as_ref());
        let Some(callers) = callers else { return true };
        caller.is_some_and(|caller| {
            caller.certificates.is_empty() || caller.names.iter().any(|name| callers.contains(name))
        })
    }
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<http::Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(task)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>();
        if self.admits(caller, request.uri().path()) {
            return Either::Left(self.service.call(request));
        }
        if let Some(caller) = caller {
            let detail = format_args!("{:?} may not ask {}", caller.names, request.uri().path());
            self.refusals.note(Refusal::Role, caller.address, &detail);
        }
        Either::Right(ready(Ok(wire::forbidden().into_http())))
    }
}
