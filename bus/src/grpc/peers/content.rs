//! A photo's bytes on their way from a node.
//!
//! Invariant: bytes that end without an error are whole: the node said so. Nothing is read before somebody wants it, but for
//! what the connection's window lets the node send ahead.

use std::{sync::Arc, time::Duration};

use portico_kernel::StoreError;
use portico_photo::Error;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::peer::{InFlight, Peer};
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

    /// Who sends it.
    pub(in crate::grpc) fn peer(&self) -> Arc<Peer> {
        self.place.peer()
    }

    /// What comes next: bytes, or their end.
    pub(in crate::grpc) async fn next(&mut self) -> Result<photo::Part, Interrupted> {
        match timeout(self.silence_max, self.parts.message()).await {
            Ok(Ok(Some(part))) => photo::Part::read(part).map_err(|field| {
                let told = format!("another node sends a {} that {}", field.field, field.detail);
                Interrupted { error: StoreError::Broken(told.into()), is_lost: false }
            }),
            Ok(Ok(None)) => Err(self.lost("another node's content ended before its end")),
            Ok(Err(status)) => Err(self.failed(&status)),
            Err(_elapsed) => Err(self.lost("another node sent no more of its content in time")),
        }
    }

    /// What the other node says of what ended its content, if it does.
    fn failed(&self, status: &Status) -> Interrupted {
        let error = match judge::<Error>(status) {
            Verdict::Domain(Error::Store(error)) => error,
            Verdict::Domain(error) => StoreError::Broken(error.into()),
            Verdict::Call(error) => StoreError::Unavailable(error.into()),
            Verdict::Unknown => return self.lost("another node's content broke off on its way"),
        };
        Interrupted { error, is_lost: false }
    }

    fn lost(&self, reason: &'static str) -> Interrupted {
        self.place.lost(reason);
        Interrupted { error: StoreError::Unavailable(reason.into()), is_lost: true }
    }
}

/// Why content ended before its end.
pub(in crate::grpc) struct Interrupted {
    pub(in crate::grpc) error: StoreError,
    /// Whether the node is, or the way to it: then another one may have the rest.
    pub(in crate::grpc) is_lost: bool,
}
