//! Photos. (The colleague's file: what stands here is what the profile needs of it.)

use portico_kernel::UserId;
use portico_photo as photo;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{Api, Timestamp};

/// The routes of photos.
pub(crate) fn routes(api: Api) -> Api {
    api
}

/// A photo without its bytes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Photo {
    id: Uuid,
    content_type: &'static str,
    /// The stored content's size, after metadata was cut out.
    size_bytes: u64,
    width: u32,
    height: u32,
    /// SHA-256 of the stored content, in hexadecimal: its strong ETag.
    sha256: String,
    created_at: Timestamp,
    content_url: String,
    thumb_url: String,
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
        let path = match of {
            Of::Me => format!("/me/photos/{}", photo.id),
            Of::User(user) => format!("/users/id/{user}/photos/{}", photo.id),
        };
        Self {
            id: photo.id.uuid(),
            content_type: photo.content_type.as_str(),
            size_bytes: photo.size_bytes,
            width: photo.width,
            height: photo.height,
            sha256: photo.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            created_at: Timestamp(photo.created_at),
            content_url: format!("{path}/content"),
            thumb_url: format!("{path}/content?size=thumb"),
        }
    }
}
