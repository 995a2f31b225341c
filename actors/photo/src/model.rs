//! A photo, its place among its owner's, and the keys of its bytes.

use portico_kernel::{UserId, id};
use time::OffsetDateTime;

use crate::ContentKey;

id!(
    /// Names a photo; ordered by time of upload.
    pub PhotoId
);

/// The types that are accepted, told by content, never by name or header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// image/jpeg
    Jpeg,
    /// image/png
    Png,
    /// image/webp
    Webp,
    /// image/gif
    Gif,
}

impl ContentType {
    /// Every accepted type.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Webp, Self::Gif];

    /// The media type (RFC 6838).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// The type that a media type names, if it is an accepted one.
    pub fn from_media_type(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A photo without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Names it.
    pub id: PhotoId,
    /// Whose it is.
    pub owner: UserId,
    /// The stored content's type.
    pub content_type: ContentType,
    /// The stored content's size, after metadata was cut out.
    pub size_bytes: u64,
    /// Pixels across, as shown (orientation applied).
    pub width: u32,
    /// Pixels down, as shown.
    pub height: u32,
    /// SHA-256 of the stored content; its strong `ETag`.
    pub sha256: [u8; 32],
    /// The rendition's type.
    pub thumb_type: ContentType,
    /// The rendition's size.
    pub thumb_size_bytes: u64,
    /// SHA-256 of the rendition; its strong `ETag`.
    pub thumb_sha256: [u8; 32],
    /// When it was uploaded.
    pub created_at: OffsetDateTime,
}

impl Photo {
    /// How many bytes one of its renditions has.
    pub const fn size_of(&self, rendition: Rendition) -> u64 {
        match rendition {
            Rendition::Original => self.size_bytes,
            Rendition::Thumb => self.thumb_size_bytes,
        }
    }

    /// Names the bytes of one of its renditions.
    pub const fn key(&self, rendition: Rendition) -> ContentKey {
        ContentKey { owner: self.owner, photo: self.id, rendition }
    }
}

/// Which of a photo's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rendition {
    /// The stored picture itself.
    Original,
    /// The picture scaled to fit 256 x 256 pixels.
    Thumb,
}

impl Rendition {
    /// Every rendition.
    pub const ALL: [Self; 2] = [Self::Original, Self::Thumb];
}

/// A page of photos, latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The photos.
    pub items: Vec<Photo>,
    /// Where the next page begins: after this photo; none at the end.
    pub next: Option<PhotoId>,
}

/// An owner's photos at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// How many there are.
    pub count: u64,
    /// The latest ones, latest first.
    pub latest: Vec<Photo>,
}

/// Bounds on what may be uploaded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest upload, in bytes.
    pub upload_max_bytes: u64,
    /// The most pixels, width times height, of all frames' canvas.
    pub pixels_max: u64,
    /// The most photos of one user.
    pub photos_per_user_max: u32,
}
