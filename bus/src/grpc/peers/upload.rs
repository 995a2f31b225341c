//! An upload on its way to a node.
//!
//! Invariant: an upload is lent to the node that is asked until that takes something of it; from then on it is gone. So no
//! two nodes ever have a part of it each.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use portico_kernel::FieldError;
use portico_photo::{Load, Photo, Upload, UploadAborted};
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use super::{
    call::{Call, Returned},
    link::Sending,
};
use crate::grpc::{
    Answer as _, Form as _,
    proto::photo::v1::{LoadPhotoRequest, LoadPhotoResponse},
    wire::{Photos, photo},
};

/// `LoadPhoto`.
pub(in crate::grpc) struct Uploading {
    head: photo::Head,
    upload: Lent,
}

/// An upload, until somebody takes something of it.
type Lent = Arc<Mutex<Option<Upload>>>;

impl Uploading {
    pub(in crate::grpc) fn new(message: Load) -> Self {
        let Load { owner, upload, idempotency } = message;
        Self { head: photo::Head { owner, idempotency }, upload: lend(upload) }
    }
}

fn lend(upload: Upload) -> Lent {
    Arc::new(Mutex::new(Some(upload)))
}

impl Call for Uploading {
    type Domain = Photos;
    type Response = LoadPhotoResponse;
    type Answer = Photo;

    const PATH: &'static str = photo::LOAD;
    const CARRIES: bool = true;
    const IS_PROMPT: bool = false;

    fn make(&mut self, mut grpc: Grpc<Sending>, head: Request<()>) -> impl Future<Output = Returned<Self>> + Send {
        let parts = Parts {
            head: Some(self.head.clone()),
            source: Source::Lender(Arc::clone(&self.upload)),
            rest: Bytes::new(),
        };
        let codec = ProstCodec::<LoadPhotoRequest, LoadPhotoResponse>::default();
        async move { grpc.client_streaming(head.map(|()| parts), PathAndQuery::from_static(Self::PATH), codec).await }
    }

    fn rewind(&mut self) -> bool {
        let back = self.upload.lock().unwrap_or_else(PoisonError::into_inner).take();
        back.map(|upload| self.upload = lend(upload)).is_some()
    }

    fn read(response: LoadPhotoResponse) -> Result<Photo, FieldError> {
        response.read()
    }
}

/// An upload as it travels. It is read no faster than it is sent.
struct Parts {
    head: Option<photo::Head>,
    source: Source,
    /// What was read and not sent yet.
    rest: Bytes,
}

/// Where the bytes come from.
enum Source {
    /// Nothing of them was taken yet, and they may be taken back.
    Lender(Lent),
    Taken(Upload),
    /// There are no more.
    Nowhere,
}

impl Stream for Parts {
    type Item = LoadPhotoRequest;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<LoadPhotoRequest>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(head.write()));
        }
        while self.rest.is_empty() {
            match ready!(self.source.poll(task)) {
                Taken::Bytes(bytes) => self.rest = bytes,
                Taken::Last => return Poll::Ready(Some(photo::UploadPart(photo::Part::End).write())),
                Taken::Nothing => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(photo::UploadPart(photo::Part::next_of(&mut self.rest)).write()))
    }
}

/// What was taken of an upload.
enum Taken {
    Bytes(Bytes),
    /// It is whole.
    Last,
    /// It was broken off, or taken back, or has ended.
    Nothing,
}

impl Source {
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Taken> {
        let read = match self {
            Self::Nowhere => return Poll::Ready(Taken::Nothing),
            Self::Taken(upload) => ready!(upload.0.poll_recv(task)),
            Self::Lender(lent) => {
                let mut lent = lent.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(upload) = &mut *lent else { return Poll::Ready(Taken::Nothing) };
                let read = ready!(upload.0.poll_recv(task));
                let taken = lent.take().map_or(Self::Nowhere, Self::Taken);
                drop(lent);
                *self = taken;
                read
            }
        };
        Poll::Ready(match read {
            Some(Ok(bytes)) => Taken::Bytes(bytes),
            Some(Err(UploadAborted)) => {
                *self = Self::Nowhere;
                Taken::Nothing
            }
            None => {
                *self = Self::Nowhere;
                Taken::Last
            }
        })
    }
}
