//! What a server still has in hand: connections that are open, and requests whose answers are not whole.
//!
//! Invariant: whoever waits for the last connection's end hears of it, whichever thread it ends on.

use std::{
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};
use tokio::sync::Notify;

use super::Progress;

/// The work of all worker threads. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
    ended: Notify,
}

impl Work {
    /// Resolves when no connection is open.
    pub(crate) async fn ended(&self) {
        loop {
            let ended = self.0.ended.notified(); // made before the look, so that no end is missed
            if self.0.connections.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// How many requests were taken up whose answers have not been handed over to their connections.
    pub(crate) fn requests(&self) -> usize {
        self.0.requests.load(Ordering::Acquire)
    }

    pub(super) fn open(&self) -> OpenConnection {
        self.0.connections.fetch_add(1, Ordering::AcqRel);
        OpenConnection(self.clone())
    }
}

/// A connection, until this is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection(Work);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.0.connections.fetch_sub(1, Ordering::AcqRel);
        self.0.0.ended.notify_waiters();
    }
}

/// A request in flight, until this is dropped.
#[derive(Debug)]
pub(super) struct InFlight(Rc<Progress>);

impl InFlight {
    pub(super) fn begin(progress: &Rc<Progress>) -> Self {
        progress.open.0.0.requests.fetch_add(1, Ordering::AcqRel);
        progress.owed.update(|owed| owed + 1);
        Self(Rc::clone(progress))
    }

    /// The same body; the request is in flight until its last byte is taken.
    pub(super) fn until_taken(self, body: BoxBody) -> BoxBody {
        BoxBody::new(Held { body, _in_flight: self })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.open.0.0.requests.fetch_sub(1, Ordering::AcqRel);
        self.0.owed.update(|owed| owed - 1);
        self.0.note_turn();
        self.0.resume();
    }
}

struct Held {
    body: BoxBody,
    _in_flight: InFlight,
}

impl MessageBody for Held {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use futures_util::FutureExt as _;

    use super::*;

    #[actix_web::test]
    async fn a_request_is_in_flight_until_its_answer_is_taken() {
        let work = Work::default();
        let body = InFlight::begin(&Rc::new(Progress::new(&work))).until_taken(BoxBody::new("answer"));
        let size = body.size();
        let before = work.requests();

        let taken = to_bytes(body).await.unwrap();

        assert_eq!((size, before), (BodySize::Sized(6), 1));
        assert_eq!((&taken[..], work.requests()), (&b"answer"[..], 0));
    }

    #[actix_web::test]
    async fn work_has_ended_when_the_last_connection_is_closed() {
        let work = Work::default();
        let (first, second) = (work.open(), work.open());
        drop(first);
        let mut ended = Box::pin(work.ended());
        assert!((&mut ended).now_or_never().is_none());

        drop(second);

        assert!(ended.now_or_never().is_some());
    }
}
