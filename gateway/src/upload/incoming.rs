//! A request's body on its way in, bounded.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{dev::Payload, error::PayloadError};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, ready, stream::Fuse};

/// The request's body, which ends in an overflow past its bound. Clones read on where the others left off.
#[derive(Clone)]
pub(crate) struct Incoming(Rc<RefCell<Bounded>>);

struct Bounded {
    /// Fused: the form's parser asks past the end.
    payload: Fuse<Payload>,
    left: u64,
}

impl Incoming {
    pub(crate) fn new(payload: Payload, max_bytes: u64) -> Self {
        Self(Rc::new(RefCell::new(Bounded { payload: payload.fuse(), left: max_bytes })))
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = &mut *self.0.borrow_mut();
        let chunk = ready!(body.payload.poll_next_unpin(context));
        Poll::Ready(chunk.map(|chunk| {
            let chunk = chunk?;
            body.left = body.left.checked_sub(chunk.len() as u64).ok_or(PayloadError::Overflow)?;
            Ok(chunk)
        }))
    }
}
