//! An upload on its way to the photo domain.
//!
//! Invariant: the domain takes an upload for whole only if its end was said. Whatever else ends it (the caller goes away, the
//! connection breaks, it pauses too long, it is malformed) breaks it off.

use std::{pin::pin, time::Duration};

use portico_kernel::{Ask, FieldError};
use portico_photo::{Error, Load, Photo, Tap, tap};
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::serve::{on_behalf, patient};
use crate::grpc::{
    Answer as _, Form,
    proto::photo::v1::{LoadPhotoRequest, LoadPhotoResponse},
    wire::{
        self,
        photo::{Head, LOAD, Part, UploadPart},
    },
};

/// Answers `LoadPhoto` by asking `ask`.
pub(super) async fn serve(
    ask: &Ask<Load>,
    request: Request<Streaming<LoadPhotoRequest>>,
    pause_max: Duration,
) -> Result<Response<LoadPhotoResponse>, Status> {
    let (metadata, _, parts) = request.into_parts();
    let photo = on_behalf(LOAD, &metadata, load(ask, Incoming { parts, pause_max })).await?;
    Ok(Response::new(LoadPhotoResponse::write(photo)))
}

async fn load(ask: &Ask<Load>, mut incoming: Incoming) -> Result<Photo, Status> {
    let aborted = || wire::status(&Error::Aborted);
    let Head { owner, idempotency } = incoming.next().await.ok_or_else(aborted)?.map_err(wire::malformed)?;
    let (tap, upload) = tap();
    let ask = patient(ask);
    let mut answer = pin!(ask.ask(Load { owner, upload, idempotency }));
    let answered = tokio::select! {
        biased;
        early = &mut answer => early,
        poured = incoming.pour(tap) => {
            poured.map_err(wire::malformed)?;
            answer.await
        }
    };
    answered.map_err(|error| wire::status(&error))
}

/// An upload as it comes in.
struct Incoming {
    parts: Streaming<LoadPhotoRequest>,
    pause_max: Duration,
}

impl Incoming {
    /// The next part; none if there is no more, however that came.
    async fn next<T: Form<Wire = LoadPhotoRequest>>(&mut self) -> Option<Result<T, FieldError>> {
        let part = timeout(self.pause_max, self.parts.message()).await;
        part.ok()?.ok()?.map(T::read)
    }

    /// Pours the chunks until the end, or until the domain takes no more: its answer says why.
    async fn pour(&mut self, tap: Tap) -> Result<(), FieldError> {
        while let Some(part) = self.next().await {
            let UploadPart(part) = part?;
            match part {
                Part::Chunk(bytes) => {
                    if tap.send(bytes).await.is_err() {
                        return Ok(());
                    }
                }
                Part::End => {
                    tap.finish();
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
