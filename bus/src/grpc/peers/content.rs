//! A photo's bytes on their way from a node.
//!
//! Invariant: bytes that end without an error are whole: the node said so. Nothing is read before somebody wants it, but for
//! what the connection's window lets the node send ahead.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use portico_kernel::StoreError;
use portico_photo::Error;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::peer::InFlight;
use crate::grpc::{
    Form as _,
    proto::photo::v1::OpenPhotoResponse,
    wire::{Verdict, judge, photo},
};

/// Content as it comes in. It holds its place among the calls in flight until it ends or is dropped, which ends it at the
/// other node, too.
pub(in crate::grpc) struct Incoming {
    parts: Streaming<OpenPhotoResponse>,
    place: InFlight,
    silence_max: Duration,
}

impl Incoming {
    pub(in crate::grpc) fn new(parts: Streaming<OpenPhotoResponse>, place: InFlight, silence_max: Duration) -> Self {
        Self { parts, place, silence_max }
    }

    /// The bytes; an error ends them.
    pub(in crate::grpc) fn bytes(self) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
        stream::unfold(Some(self), |incoming| async {
            let mut incoming = incoming?;
            match incoming.next().await {
                Ok(photo::Part::Chunk(bytes)) => Some((Ok(bytes), Some(incoming))),
                Ok(photo::Part::End) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<photo::Part, StoreError> {
        match timeout(self.silence_max, self.parts.message()).await {
            Ok(Ok(Some(part))) => photo::Part::read(part).map_err(|field| {
                StoreError::Broken(format!("another node sends a {} that {}", field.field, field.detail).into())
            }),
            Ok(Ok(None)) => Err(self.lost("another node's content ended before its end")),
            Ok(Err(status)) => Err(self.failed(&status)),
            Err(_elapsed) => Err(self.lost("another node sent no more of its content in time")),
        }
    }

    /// What the other node says of what ended its content, if it does.
    fn failed(&self, status: &Status) -> StoreError {
        match judge::<Error>(status) {
            Verdict::Domain(Error::Store(error)) => error,
            Verdict::Domain(error) => StoreError::Broken(error.into()),
            Verdict::Call(error) => StoreError::Unavailable(error.into()),
            Verdict::Unknown => self.lost("another node's content broke off on its way"),
        }
    }

    fn lost(&self, reason: &'static str) -> StoreError {
        self.place.lost(reason);
        StoreError::Unavailable(reason.into())
    }
}
