//! Bytes on their way: uploads, and the content of photos.
//!
//! Invariant: bytes are whole only where their end was said. The end of a stream does not say it: a stream may be reset
//! in a way that looks like its end (RFC 9113, section 8.1).

use bytes::Bytes;
use portico_kernel::{FieldError, IdempotencyKey, Invalid, UserId};

use crate::grpc::{
    proto::photo::v1::{self as wire, load_photo_request, open_photo_response},
    wire::{
        Form,
        parts::{id, parsed},
    },
};

/// The longest chunk, in bytes.
const CHUNK_MAX: usize = 64 * 1024;

/// What comes before an upload's bytes.
#[derive(Clone)]
pub(in crate::grpc) struct Head {
    pub(in crate::grpc) owner: UserId,
    pub(in crate::grpc) idempotency: Option<IdempotencyKey>,
}

impl Form for Head {
    type Wire = wire::LoadPhotoRequest;

    fn write(self) -> Self::Wire {
        let head = wire::UploadHead {
            owner_id: self.owner.to_string(),
            idempotency_key: self.idempotency.map(|key| key.as_str().to_owned()),
        };
        wire::LoadPhotoRequest { part: Some(load_photo_request::Part::Head(head)) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let Some(load_photo_request::Part::Head(head)) = wire.part else { return Err(misplaced("must be a head")) };
        let key = |text| parsed(text, IdempotencyKey::parse, "head.idempotency_key");
        Ok(Self {
            owner: id(&head.owner_id, "head.owner_id")?,
            idempotency: head.idempotency_key.map(key).transpose()?,
        })
    }
}

/// A part of bytes on their way.
pub(in crate::grpc) enum Part {
    /// Some of them.
    Chunk(Bytes),
    /// There are no more: they are whole.
    End,
}

impl Part {
    /// The next chunk of `bytes`, which are not empty.
    pub(in crate::grpc) fn next_of(bytes: &mut Bytes) -> Self {
        Self::Chunk(bytes.split_to(bytes.len().min(CHUNK_MAX)))
    }

    fn chunk(bytes: Bytes) -> Result<Self, FieldError> {
        if bytes.len() > CHUNK_MAX {
            return Err(Invalid::new("too_long", "must be at most 64 KiB").of("chunk"));
        }
        Ok(Self::Chunk(bytes))
    }
}

impl Form for Part {
    type Wire = wire::OpenPhotoResponse;

    fn write(self) -> Self::Wire {
        let part = match self {
            Self::Chunk(bytes) => open_photo_response::Part::Chunk(bytes),
            Self::End => open_photo_response::Part::End(wire::End {}),
        };
        wire::OpenPhotoResponse { part: Some(part) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        match wire.part {
            Some(open_photo_response::Part::Chunk(bytes)) => Self::chunk(bytes),
            Some(open_photo_response::Part::End(_)) => Ok(Self::End),
            None => Err(misplaced("must be a chunk or the end")),
        }
    }
}

/// A part of an upload, after its head.
pub(in crate::grpc) struct UploadPart(pub(in crate::grpc) Part);

impl Form for UploadPart {
    type Wire = wire::LoadPhotoRequest;

    fn write(self) -> Self::Wire {
        let part = match self.0 {
            Part::Chunk(bytes) => load_photo_request::Part::Chunk(bytes),
            Part::End => load_photo_request::Part::End(wire::End {}),
        };
        wire::LoadPhotoRequest { part: Some(part) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        match wire.part {
            Some(load_photo_request::Part::Chunk(bytes)) => Part::chunk(bytes).map(Self),
            Some(load_photo_request::Part::End(_)) => Ok(Self(Part::End)),
            Some(load_photo_request::Part::Head(_)) | None => Err(misplaced("must be a chunk or the end")),
        }
    }
}

fn misplaced(rule: &'static str) -> FieldError {
    Invalid::new("malformed", rule).of("part")
}
