//! A photo's bytes on their way to whoever asked for them.
//!
//! Invariant: at most a few chunks are held for a reader, however slow; and one who is gone, or takes nothing for too long,
//! holds nothing any more of what content is read from.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream, stream::BoxStream};
use portico_kernel::{Ask, StoreError, TraceContext};
use portico_photo::{ByteStream, Error, Open};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Request, Response, Status};

use super::serve::{on_behalf, patient};
use crate::grpc::{
    Form as _, Streamed as _,
    proto::photo::v1::{OpenPhotoRequest, OpenPhotoResponse},
    wire::{self, photo::Part},
};

/// How many chunks wait for the reader.
const CHUNKS: usize = 2;

type Parts = BoxStream<'static, Result<OpenPhotoResponse, Status>>;
type Read = Result<Part, StoreError>;

/// Answers `OpenPhoto` by asking `ask`: once that has answered, and then with the bytes, for which no deadline counts.
pub(super) async fn serve(
    ask: &Ask<Open>,
    request: Request<OpenPhotoRequest>,
    pause_max: Duration,
) -> Result<Response<Parts>, Status> {
    let (metadata, _, request) = request.into_parts();
    on_behalf(Open::PATH, &metadata, open(ask, request, pause_max)).await
}

async fn open(ask: &Ask<Open>, request: OpenPhotoRequest, pause_max: Duration) -> Result<Response<Parts>, Status> {
    let message = Open::read(request).map_err(wire::malformed)?;
    let content = patient(ask).ask(message).await.map_err(|error| wire::status(&error))?;
    let (sender, parts) = mpsc::channel(CHUNKS);
    let pump = Outlet { sender, pause_max }.pump(content.0);
    match TraceContext::current() {
        Some(trace) => tokio::spawn(trace.scope(pump)),
        None => tokio::spawn(pump),
    };
    Ok(Response::new(sent(parts).boxed()))
}

/// Where content is pumped to.
struct Outlet {
    sender: mpsc::Sender<Read>,
    pause_max: Duration,
}

/// Nobody takes any more.
struct Untaken;

impl Outlet {
    /// Reads content ahead for as long as somebody takes it.
    async fn pump(self, content: ByteStream) {
        let pumped = tokio::select! {
            () = self.sender.closed() => Err(Untaken), // whoever reads is gone, and does not wait for more to be read
            pumped = self.pour_all(content) => pumped,
        };
        if let Err(Untaken) = pumped {
            tracing::debug!("content was not taken to its end");
        }
    }

    async fn pour_all(&self, mut content: ByteStream) -> Result<(), Untaken> {
        while let Some(read) = content.next().await {
            match read {
                Ok(bytes) => self.pour(bytes).await?,
                Err(error) => return self.put(Err(error)).await,
            }
        }
        self.put(Ok(Part::End)).await
    }

    async fn pour(&self, mut bytes: Bytes) -> Result<(), Untaken> {
        while !bytes.is_empty() {
            self.put(Ok(Part::next_of(&mut bytes))).await?;
        }
        Ok(())
    }

    async fn put(&self, part: Read) -> Result<(), Untaken> {
        match timeout(self.pause_max, self.sender.send(part)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Untaken),
        }
    }
}

/// What was read, as it is sent; an error ends it, and so does a pump that has stopped.
fn sent(parts: mpsc::Receiver<Read>) -> impl Stream<Item = Result<OpenPhotoResponse, Status>> + Send {
    stream::unfold(Some(parts), |parts| async {
        let mut parts = parts?;
        let stopped = || Err(StoreError::Unavailable("content was not taken in time".into()));
        match parts.recv().await.unwrap_or_else(stopped) {
            Ok(Part::End) => Some((Ok(Part::End.write()), None)),
            Ok(part) => Some((Ok(part.write()), Some(parts))),
            Err(error) => Some((Err(wire::status(&Error::Store(error))), None)),
        }
    })
}
