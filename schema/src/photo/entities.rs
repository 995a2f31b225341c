//! The tables of the photo database.

#![expect(unreachable_pub, reason = "what SeaORM derives is public, and needs public models")]

use portico_kernel::StoreError;
use portico_photo::{ContentType, ContentWork, Photo, Remembered};
use sea_orm::ActiveValue::Set;

use crate::moment::{from_nanos, to_nanos};

/// Owners: what the photo domain knows of users. A deleted one stays, as its own tombstone.
pub(super) mod owner {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "owners")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The latest version of the user that was heard of.
        pub version: i64,
        pub deleted: bool,
        /// How many rows `photos` has of it: a count would read them all.
        pub photo_count: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Photos, each owner's together and in the order of their upload.
pub(super) mod photo {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "photos")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub owner_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub content_type: String,
        pub size_bytes: i64,
        pub width: i64,
        pub height: i64,
        pub sha256: Vec<u8>,
        pub thumb_type: String,
        pub thumb_size_bytes: i64,
        pub thumb_sha256: Vec<u8>,
        pub created_at: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Content that is to be deleted.
pub(super) mod content_work {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "content_work")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub photo_id: Uuid,
        pub owner_id: Uuid,
        pub due: i64,
        pub attempts: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Events that were applied.
pub(super) mod inbox {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "inbox")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: Uuid,
        pub applied_at: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The uploads that were made under an idempotency key.
pub(super) mod idempotency_key {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub owner_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub photo_id: Uuid,
        pub fingerprint: Vec<u8>,
        pub created_at: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl photo::Model {
    /// # Errors
    /// `Broken` when the row holds what no photo can.
    pub(super) fn into_photo(self) -> Result<Photo, StoreError> {
        Ok(Photo {
            id: self.id.into(),
            owner: self.owner_id.into(),
            content_type: content_type(&self.content_type)?,
            size_bytes: number(self.size_bytes)?,
            width: number(self.width)?,
            height: number(self.height)?,
            sha256: hash(self.sha256)?,
            thumb_type: content_type(&self.thumb_type)?,
            thumb_size_bytes: number(self.thumb_size_bytes)?,
            thumb_sha256: hash(self.thumb_sha256)?,
            created_at: from_nanos(self.created_at),
        })
    }
}

fn content_type(text: &str) -> Result<ContentType, StoreError> {
    ContentType::from_media_type(text).ok_or_else(|| StoreError::Broken("a stored media type is unknown".into()))
}

fn number<N: TryFrom<i64>>(stored: i64) -> Result<N, StoreError> {
    N::try_from(stored).map_err(|_| StoreError::Broken("a stored size is out of range".into()))
}

fn hash(stored: Vec<u8>) -> Result<[u8; 32], StoreError> {
    stored.try_into().map_err(|_| StoreError::Broken("a hash has 32 bytes".into()))
}

impl From<&Photo> for photo::ActiveModel {
    fn from(photo: &Photo) -> Self {
        let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        Self {
            owner_id: Set(photo.owner.uuid()),
            id: Set(photo.id.uuid()),
            content_type: Set(photo.content_type.as_str().to_owned()),
            size_bytes: Set(size(photo.size_bytes)),
            width: Set(photo.width.into()),
            height: Set(photo.height.into()),
            sha256: Set(photo.sha256.to_vec()),
            thumb_type: Set(photo.thumb_type.as_str().to_owned()),
            thumb_size_bytes: Set(size(photo.thumb_size_bytes)),
            thumb_sha256: Set(photo.thumb_sha256.to_vec()),
            created_at: Set(to_nanos(photo.created_at)),
        }
    }
}

impl content_work::Model {
    pub(super) fn into_work(self) -> ContentWork {
        let attempts = u32::try_from(self.attempts).unwrap_or(u32::MAX);
        ContentWork { owner: self.owner_id.into(), photo: self.photo_id.into(), attempts }
    }
}

impl idempotency_key::Model {
    /// # Errors
    /// `Broken` when the fingerprint is none.
    pub(super) fn into_remembered(self) -> Result<Remembered, StoreError> {
        Ok(Remembered { photo: self.photo_id.into(), fingerprint: hash(self.fingerprint)? })
    }
}
