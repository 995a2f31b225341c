//! Log records on their way from a node, for as long as somebody reads them.

use bytes::Bytes;
use futures_util::{Stream, stream};
use portico_kernel::StoreError;
use portico_log::Error;
use tonic::{Status, Streaming};

use super::peer::InFlight;
use crate::grpc::{
    proto::log::v1::TailResponse,
    wire::{Verdict, judge},
};

/// The lines of `parts`; an error ends them. They hold the call's place among those in flight. No silence is too long: where
/// records are followed, the next may come tomorrow.
pub(in crate::grpc) fn lines(
    parts: Streaming<TailResponse>,
    place: InFlight,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
    stream::unfold(Some((parts, place)), |reading| async {
        let (mut parts, place) = reading?;
        match parts.message().await {
            Ok(Some(part)) => Some((Ok(Bytes::from(part.lines)), Some((parts, place)))),
            Ok(None) => None,
            Err(status) => Some((Err(failure(&status)), None)),
        }
    })
}

fn failure(status: &Status) -> StoreError {
    match judge::<Error>(status) {
        Verdict::Domain(Error::Store(error)) => error,
        Verdict::Domain(error) => StoreError::Broken(error.into()),
        Verdict::Call(error) => StoreError::Unavailable(error.into()),
        Verdict::Unknown => StoreError::Unavailable("another node's records broke off on their way".into()),
    }
}
