//! Owners, photos, idempotency keys, the work list and the inbox as lines of files.

use portico_kernel::{FieldError, IdempotencyKey, Invalid};
use portico_photo::ContentType;
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Photos,
    entities::{content_work, idempotency_key, inbox, owner, photo},
    migrations,
};
use crate::transfer::{AnyTable, Relational, Table, Transfer, line, relational};

impl Photos {
    /// What of it can be taken to another store.
    pub fn transfer(&self) -> Box<dyn Transfer + '_> {
        Box::new(Relational {
            section: "photo.store",
            schema: relational::latest::<migrations::Migrator>(),
            database: &self.database,
            tables: &TABLES,
            ready: relational::always_ready,
            in_use: relational::unknown,
        })
    }
}

/// What is carried.
pub(crate) const TABLES: [&dyn AnyTable; 5] = [&Owners, &Pictures, &Keys, &Work, &Inbox];

struct Owners;

/// An owner, or its tombstone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerLine {
    id: Uuid,
    version: i64,
    deleted: bool,
    photo_count: i64,
}

impl Table for Owners {
    type Entity = owner::Entity;
    type Line = OwnerLine;
    const FILE: &'static str = "owners.jsonl";

    fn order() -> Vec<owner::Column> {
        vec![owner::Column::Id]
    }

    fn line(row: owner::Model) -> OwnerLine {
        let owner::Model { id, version, deleted, photo_count } = row;
        OwnerLine { id, version, deleted, photo_count }
    }

    fn valid(line: OwnerLine) -> Result<OwnerLine, FieldError> {
        line::within("version", line.version, 0, i64::MAX)?;
        line::within("photo_count", line.photo_count, 0, if line.deleted { 0 } else { i64::MAX })?;
        Ok(line)
    }

    fn row(line: OwnerLine) -> owner::ActiveModel {
        let OwnerLine { id, version, deleted, photo_count } = line;
        owner::ActiveModel { id: Set(id), version: Set(version), deleted: Set(deleted), photo_count: Set(photo_count) }
    }
}

struct Pictures;

/// A photo without its bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhotoLine {
    owner_id: Uuid,
    id: Uuid,
    content_type: String,
    size_bytes: i64,
    width: i64,
    height: i64,
    #[serde(with = "line::hash")]
    sha256: Vec<u8>,
    thumb_type: String,
    thumb_size_bytes: i64,
    #[serde(with = "line::hash")]
    thumb_sha256: Vec<u8>,
    #[serde(with = "line::moment")]
    created_at: i64,
}

impl Table for Pictures {
    type Entity = photo::Entity;
    type Line = PhotoLine;
    const FILE: &'static str = "photos.jsonl";

    fn order() -> Vec<photo::Column> {
        vec![photo::Column::OwnerId, photo::Column::Id]
    }

    fn line(row: photo::Model) -> PhotoLine {
        PhotoLine {
            owner_id: row.owner_id,
            id: row.id,
            content_type: row.content_type,
            size_bytes: row.size_bytes,
            width: row.width,
            height: row.height,
            sha256: row.sha256,
            thumb_type: row.thumb_type,
            thumb_size_bytes: row.thumb_size_bytes,
            thumb_sha256: row.thumb_sha256,
            created_at: row.created_at,
        }
    }

    fn valid(line: PhotoLine) -> Result<PhotoLine, FieldError> {
        for (field, kind) in [("content_type", &line.content_type), ("thumb_type", &line.thumb_type)] {
            if ContentType::from_media_type(kind).is_none() {
                return Err(
                    Invalid::new("unknown_type", "must be image/jpeg, image/png, image/webp or image/gif").of(field)
                );
            }
        }
        line::within("size_bytes", line.size_bytes, 0, i64::MAX)?;
        line::within("thumb_size_bytes", line.thumb_size_bytes, 0, i64::MAX)?;
        line::within("width", line.width, 0, u32::MAX.into())?;
        line::within("height", line.height, 0, u32::MAX.into())?;
        Ok(line)
    }

    fn row(line: PhotoLine) -> photo::ActiveModel {
        photo::ActiveModel {
            owner_id: Set(line.owner_id),
            id: Set(line.id),
            content_type: Set(line.content_type),
            size_bytes: Set(line.size_bytes),
            width: Set(line.width),
            height: Set(line.height),
            sha256: Set(line.sha256),
            thumb_type: Set(line.thumb_type),
            thumb_size_bytes: Set(line.thumb_size_bytes),
            thumb_sha256: Set(line.thumb_sha256),
            created_at: Set(line.created_at),
        }
    }
}

struct Keys;

/// An upload that was made under an idempotency key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyLine {
    owner_id: Uuid,
    key: String,
    photo_id: Uuid,
    #[serde(with = "line::hash")]
    fingerprint: Vec<u8>,
    #[serde(with = "line::moment")]
    created_at: i64,
}

impl Table for Keys {
    type Entity = idempotency_key::Entity;
    type Line = KeyLine;
    const FILE: &'static str = "photo_keys.jsonl";

    fn order() -> Vec<idempotency_key::Column> {
        vec![idempotency_key::Column::OwnerId, idempotency_key::Column::Key]
    }

    fn line(row: idempotency_key::Model) -> KeyLine {
        let idempotency_key::Model { owner_id, key, photo_id, fingerprint, created_at } = row;
        KeyLine { owner_id, key, photo_id, fingerprint, created_at }
    }

    fn valid(line: KeyLine) -> Result<KeyLine, FieldError> {
        IdempotencyKey::parse(&line.key).map_err(|rule| rule.of("key"))?;
        Ok(line)
    }

    fn row(line: KeyLine) -> idempotency_key::ActiveModel {
        let KeyLine { owner_id, key, photo_id, fingerprint, created_at } = line;
        idempotency_key::ActiveModel {
            owner_id: Set(owner_id),
            key: Set(key),
            photo_id: Set(photo_id),
            fingerprint: Set(fingerprint),
            created_at: Set(created_at),
        }
    }
}

struct Work;

/// Content that is to be deleted, or taken over by a row.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkLine {
    photo_id: Uuid,
    owner_id: Uuid,
    #[serde(with = "line::moment")]
    due: i64,
    attempts: i64,
}

impl Table for Work {
    type Entity = content_work::Entity;
    type Line = WorkLine;
    const FILE: &'static str = "content_work.jsonl";

    fn order() -> Vec<content_work::Column> {
        vec![content_work::Column::PhotoId]
    }

    fn line(row: content_work::Model) -> WorkLine {
        let content_work::Model { photo_id, owner_id, due, attempts } = row;
        WorkLine { photo_id, owner_id, due, attempts }
    }

    fn valid(line: WorkLine) -> Result<WorkLine, FieldError> {
        line::within("attempts", line.attempts, 0, i64::MAX)?;
        Ok(line)
    }

    fn row(line: WorkLine) -> content_work::ActiveModel {
        let WorkLine { photo_id, owner_id, due, attempts } = line;
        content_work::ActiveModel {
            photo_id: Set(photo_id),
            owner_id: Set(owner_id),
            due: Set(due),
            attempts: Set(attempts),
        }
    }
}

struct Inbox;

/// An event that was applied.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InboxLine {
    event_id: Uuid,
    #[serde(with = "line::moment")]
    applied_at: i64,
}

impl Table for Inbox {
    type Entity = inbox::Entity;
    type Line = InboxLine;
    const FILE: &'static str = "inbox.jsonl";

    fn order() -> Vec<inbox::Column> {
        vec![inbox::Column::EventId]
    }

    fn line(row: inbox::Model) -> InboxLine {
        InboxLine { event_id: row.event_id, applied_at: row.applied_at }
    }

    fn valid(line: InboxLine) -> Result<InboxLine, FieldError> {
        Ok(line)
    }

    fn row(line: InboxLine) -> inbox::ActiveModel {
        inbox::ActiveModel { event_id: Set(line.event_id), applied_at: Set(line.applied_at) }
    }
}
