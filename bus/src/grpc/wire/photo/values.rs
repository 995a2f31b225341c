//! Photos, and which of their bytes.

use std::ops::Range;

use bytes::Bytes;
use portico_kernel::{FieldError, Invalid};
use portico_photo::{ContentType, Photo, Rendition};

use crate::grpc::{
    proto::photo::v1 as wire,
    wire::{
        Form,
        parts::{id, read_time, write_time},
    },
};

impl Form for Photo {
    type Wire = wire::Photo;

    fn write(self) -> Self::Wire {
        wire::Photo {
            id: self.id.to_string(),
            owner_id: self.owner.to_string(),
            content_type: write_type(self.content_type).into(),
            size_bytes: self.size_bytes,
            width: self.width,
            height: self.height,
            sha256: Bytes::copy_from_slice(&self.sha256),
            thumb_type: write_type(self.thumb_type).into(),
            thumb_size_bytes: self.thumb_size_bytes,
            thumb_sha256: Bytes::copy_from_slice(&self.thumb_sha256),
            created_at: Some(write_time(self.created_at)),
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self {
            id: id(&wire.id, "photo.id")?,
            owner: id(&wire.owner_id, "photo.owner_id")?,
            content_type: read_type(wire.content_type(), "photo.content_type")?,
            size_bytes: wire.size_bytes,
            width: wire.width,
            height: wire.height,
            sha256: hash(&wire.sha256, "photo.sha256")?,
            thumb_type: read_type(wire.thumb_type(), "photo.thumb_type")?,
            thumb_size_bytes: wire.thumb_size_bytes,
            thumb_sha256: hash(&wire.thumb_sha256, "photo.thumb_sha256")?,
            created_at: read_time(wire.created_at, "photo.created_at")?,
        })
    }
}

fn write_type(kind: ContentType) -> wire::ContentType {
    match kind {
        ContentType::Jpeg => wire::ContentType::Jpeg,
        ContentType::Png => wire::ContentType::Png,
        ContentType::Webp => wire::ContentType::Webp,
        ContentType::Gif => wire::ContentType::Gif,
    }
}

fn read_type(kind: wire::ContentType, field: &'static str) -> Result<ContentType, FieldError> {
    match kind {
        wire::ContentType::Unspecified => Err(Invalid::new("malformed", "must be a known type of pictures").of(field)),
        wire::ContentType::Jpeg => Ok(ContentType::Jpeg),
        wire::ContentType::Png => Ok(ContentType::Png),
        wire::ContentType::Webp => Ok(ContentType::Webp),
        wire::ContentType::Gif => Ok(ContentType::Gif),
    }
}

fn hash(bytes: &[u8], field: &'static str) -> Result<[u8; 32], FieldError> {
    bytes.try_into().map_err(|_| Invalid::new("malformed", "must be 32 bytes").of(field))
}

pub(super) fn write_rendition(rendition: Rendition) -> wire::Rendition {
    match rendition {
        Rendition::Original => wire::Rendition::Original,
        Rendition::Thumb => wire::Rendition::Thumb,
    }
}

pub(super) fn read_rendition(rendition: wire::Rendition) -> Result<Rendition, FieldError> {
    match rendition {
        wire::Rendition::Unspecified => Err(Invalid::new("malformed", "must be a known rendition").of("rendition")),
        wire::Rendition::Original => Ok(Rendition::Original),
        wire::Rendition::Thumb => Ok(Rendition::Thumb),
    }
}

pub(super) fn write_range(range: &Range<u64>) -> wire::ByteRange {
    wire::ByteRange { start: range.start, end: range.end }
}

pub(super) fn read_range(range: wire::ByteRange) -> Result<Range<u64>, FieldError> {
    if range.start > range.end {
        return Err(Invalid::new("malformed", "must not end before it starts").of("range"));
    }
    Ok(range.start..range.end)
}
