//! Runs one handler for one request.

use std::panic::AssertUnwindSafe;

use actix_web::{Error, Handler, HttpRequest, HttpResponse, Responder as _, Route, dev::Payload, http::Method};
use futures_util::FutureExt as _;
use portico_kernel::{AskError, Deadline};

use super::{Inputs, method_guard};
use crate::{
    Answer, Problem,
    extract::{accepts, refuse_query},
    middleware::BodyWatch,
    problem::Code,
    settings::Settings,
};

/// The route of `method` that runs `handler`.
pub(super) fn route<F, Args>(method: &Method, handler: F) -> Route
where
    F: Handler<Args>,
    F::Output: Answer,
    Args: Inputs,
{
    Route::new().guard(method_guard(method)).to(move |request: HttpRequest, Body(payload): Body| {
        let handler = handler.clone();
        async move {
            let run = AssertUnwindSafe(run::<F, Args>(&request, payload, handler));
            run.catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!(error.type = Code::Internal.name(), "handler panicked");
                Err(Problem::new(Code::Internal).into())
            })
        }
    })
}

/// The request's body, taken.
struct Body(Payload);

impl actix_web::FromRequest for Body {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        std::future::ready(Ok(Self(payload.take())))
    }
}

async fn run<F, Args>(request: &HttpRequest, mut payload: Payload, handler: F) -> Result<HttpResponse, Error>
where
    F: Handler<Args>,
    F::Output: Answer,
    Args: Inputs,
{
    accepts(request, F::Output::MEDIA)?;
    let limit = Settings::of(request).request_timeout;
    let args = Args::read(request, &mut payload).await?;
    if !Args::READS_QUERY {
        refuse_query(request)?;
    }
    let answer = if Args::STREAMS {
        let watch = BodyWatch::of(request);
        tokio::select! {
            answer = handler.call(args) => Ok(answer),
            () = watch.overdue(limit) => Err(AskError::Late),
        }
    } else {
        let deadline = Deadline::within(limit); // every byte of the body has been read by now
        let answer = deadline.scope(handler.call(args));
        tokio::time::timeout_at(deadline.instant(), answer).await.map_err(|_| AskError::Late)
    };
    Ok(answer.map_err(Problem::from)?.respond_to(request).map_into_boxed_body())
}
