//! Log records on their way to whoever reads them.

use futures_util::{StreamExt as _, stream::BoxStream};
use portico_kernel::{Ask, StoreError};
use portico_log::{Error, Tail};
use tonic::{Request, Response, Status};

use super::serve::{on_behalf, patient};
use crate::grpc::{
    Form as _, Streamed as _,
    proto::log::v1::{TailRequest, TailResponse},
    wire,
};

/// Records, many at a time.
pub(super) type Parts = BoxStream<'static, Result<TailResponse, Status>>;

/// Answers `Tail` by asking `ask`: once that has answered, and then with the records, for which no deadline counts.
pub(super) async fn serve(ask: &Ask<Tail>, request: Request<TailRequest>) -> Result<Response<Parts>, Status> {
    let (metadata, _, request) = request.into_parts();
    on_behalf(Tail::PATH, &metadata, read(ask, request)).await
}

async fn read(ask: &Ask<Tail>, request: TailRequest) -> Result<Response<Parts>, Status> {
    let message = Tail::read(request).map_err(wire::malformed)?;
    let lines = patient(ask).ask(message).await.map_err(|error| wire::status(&error))?;
    let failed = |error: StoreError| wire::status(&Error::Store(error));
    let parts = lines.0.map(move |read| read.map(|lines| TailResponse { lines: lines.into() }).map_err(failed));
    Ok(Response::new(parts.boxed()))
}
