//! A photo's bytes from whichever node has them: where one is lost in the midst of them, another goes on from there.
//!
//! Invariant: every byte comes once and in its place. Content never changes, so that it is all the same who tells the rest of it.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use portico_kernel::{Deadline, StoreError, TraceContext};
use portico_photo::Open;

use super::Bridge;
use crate::grpc::{
    Photos,
    peers::{Incoming, Interrupted, Peer},
    wire::photo::Part,
};

/// How many nodes may be lost while one content is read.
const LOST_MAX: usize = 3;
/// How long another one may take to go on.
const RESUMED_WITHIN: Duration = Duration::from_secs(5);

/// Content on its way.
pub(super) struct Reading {
    bridge: Bridge<Photos>,
    trace: Option<TraceContext>,
    message: Open,
    /// What has not come yet.
    rest: Range<u64>,
    incoming: Incoming,
    /// Who told some of it, and was lost.
    lost: Vec<Arc<Peer>>,
}

impl Reading {
    /// What `incoming` begins to tell, in answer to `message`.
    pub(super) fn new(bridge: Bridge<Photos>, trace: Option<TraceContext>, message: Open, incoming: Incoming) -> Self {
        let rest = message.range.clone().unwrap_or(0..message.photo.size_of(message.rendition));
        Self { bridge, trace, message, rest, incoming, lost: Vec::new() }
    }

    /// The bytes; an error ends them.
    pub(super) fn bytes(self) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
        stream::unfold(Some(self), |reading| async {
            let mut reading = reading?;
            let read = reading.next().await?;
            let is_over = read.is_err();
            Some((read, (!is_over).then_some(reading)))
        })
    }

    async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        loop {
            match self.incoming.next().await {
                Ok(Part::Chunk(bytes)) => {
                    self.rest.start += bytes.len() as u64;
                    return Some(Ok(bytes));
                }
                Ok(Part::End) => return None,
                Err(Interrupted { error, is_lost: false }) => return Some(Err(error)),
                Err(Interrupted { error, is_lost: true }) => match self.resumed().await {
                    Some(incoming) => self.incoming = incoming,
                    None => return Some(Err(error)),
                },
            }
        }
    }

    /// What another node tells of the rest; none if nobody does.
    async fn resumed(&mut self) -> Option<Incoming> {
        if self.lost.len() == LOST_MAX || self.rest.is_empty() {
            return None;
        }
        self.lost.push(self.incoming.peer());
        let message = Open { range: Some(self.rest.clone()), ..self.message.clone() };
        let opening = self.bridge.open(message, self.trace, Deadline::within(RESUMED_WITHIN), self.lost.clone());
        let incoming = opening.await.ok()?.ok()?;
        tracing::info!(left = self.rest.end - self.rest.start, "content goes on from another node");
        Some(incoming)
    }
}
