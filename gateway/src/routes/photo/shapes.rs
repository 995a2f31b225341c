//! Photos as they are shown.

use portico_kernel::UserId;
use portico_photo as photo;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{Body, PageOf, Timestamp};

/// A photo without its bytes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Photo {
    id: Uuid,
    content_type: &'static str,
    /// The stored content's size, after metadata was cut out.
    size_bytes: u64,
    width: u32,
    height: u32,
    /// SHA-256 of the stored content, in hexadecimal: its strong `ETag`.
    sha256: String,
    created_at: Timestamp,
    /// The picture, below this API's address.
    content_url: String,
    /// The picture scaled to fit 256 x 256 pixels.
    thumb_url: String,
    #[serde(skip)]
    url: String,
}

/// Under which path a photo is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// `/me/photos/...`
    Me,
    /// `/users/id/{id}/photos/...`
    User(UserId),
}

impl Photo {
    /// A photo as it is shown under a path.
    pub(crate) fn new(photo: &photo::Photo, of: Of) -> Self {
        let url = match of {
            Of::Me => format!("/me/photos/{}", photo.id),
            Of::User(user) => format!("/users/id/{user}/photos/{}", photo.id),
        };
        Self {
            id: photo.id.uuid(),
            content_type: photo.content_type.as_str(),
            size_bytes: photo.size_bytes,
            width: photo.width,
            height: photo.height,
            sha256: hex(&photo.sha256),
            created_at: Timestamp(photo.created_at),
            content_url: format!("{url}/content"),
            thumb_url: format!("{url}/content?size=thumb"),
            url,
        }
    }
}

impl Body for Photo {
    fn location(&self) -> Option<String> {
        Some(self.url.clone())
    }
}

/// A page of photos, latest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Page {
    items: Vec<Photo>,
    /// What to give as `after` for the next page; null at the end.
    next: Option<String>,
}

impl Page {
    pub(super) fn new(page: &photo::Page, of: Of) -> Self {
        Self {
            items: page.items.iter().map(|photo| Photo::new(photo, of)).collect(),
            next: page.next.map(PageOf::cursor),
        }
    }
}

impl Body for Page {}

/// A hash as it is written, in an entity tag too.
pub(super) fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}
