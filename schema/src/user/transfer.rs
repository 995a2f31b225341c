//! Accounts, idempotency keys, and events that wait or were set aside, as lines of files.

use futures_util::future::BoxFuture;
use portico_kernel::{FieldError, IdempotencyKey, StoreError};
use portico_user::{Email, Name, PasswordHash};
use sea_orm::ActiveValue::{NotSet, Set};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Users,
    entities::{idempotency_key, outbox, set_aside, user},
    migrations, positions,
};
use crate::{
    database::Database,
    lease,
    transfer::{AnyTable, Relational, Table, Transfer, line, relational},
};

impl Users {
    /// What of it can be taken to another store.
    pub fn transfer(&self) -> Box<dyn Transfer + '_> {
        Box::new(Relational {
            section: "user.store",
            schema: relational::latest::<migrations::Migrator>(),
            database: &self.database,
            tables: &TABLES,
            ready,
            in_use,
        })
    }
}

/// What is carried.
pub(crate) const TABLES: [&dyn AnyTable; 4] = [&Accounts, &Keys, &Waiting, &Aside];

/// Events are read by their positions, and some may have none yet.
fn ready(database: &Database) -> BoxFuture<'_, Result<(), StoreError>> {
    Box::pin(positions::give(database))
}

fn in_use(database: &Database) -> BoxFuture<'_, Result<bool, StoreError>> {
    Box::pin(lease::is_held(database))
}

struct Accounts;

/// An account.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountLine {
    id: Uuid,
    name: String,
    email: String,
    password_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_time: Option<OneTimeLine>,
    epoch: i64,
    version: i64,
    #[serde(with = "line::moment")]
    created_at: i64,
    #[serde(with = "line::moment")]
    updated_at: i64,
}

/// The bounds of a password that an operator gave.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneTimeLine {
    #[serde(with = "line::moment")]
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "line::moment::option")]
    used_at: Option<i64>,
}

impl Table for Accounts {
    type Entity = user::Entity;
    type Line = AccountLine;
    const FILE: &'static str = "users.jsonl";

    fn order() -> Vec<user::Column> {
        vec![user::Column::Id]
    }

    fn line(row: user::Model) -> AccountLine {
        let used_at = row.one_time_used_at;
        AccountLine {
            id: row.id,
            name: row.name,
            email: row.email,
            password_hash: row.password,
            one_time: row.one_time_expires_at.map(|expires_at| OneTimeLine { expires_at, used_at }),
            epoch: row.epoch,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }

    fn valid(mut line: AccountLine) -> Result<AccountLine, FieldError> {
        Name::parse(&line.name).map_err(|rule| rule.of("name"))?.as_str().clone_into(&mut line.name);
        Email::parse(&line.email).map_err(|rule| rule.of("email"))?.as_str().clone_into(&mut line.email);
        line::at_most("password_hash", &line.password_hash, 512)?;
        match PasswordHash::import(&line.password_hash) {
            // What a hash may cost is a rule for other systems'; here the operator has said it.
            Err(rule) if rule.code != "too_costly" => return Err(rule.of("password_hash")),
            Ok(_) | Err(_) => {}
        }
        line::within("epoch", line.epoch, 1, i64::MAX - 1)?;
        line::within("version", line.version, 1, i64::MAX - 1)?;
        Ok(line)
    }

    fn row(line: AccountLine) -> user::ActiveModel {
        user::ActiveModel {
            id: Set(line.id),
            name: Set(line.name),
            email_key: Set(line.email.to_ascii_lowercase()),
            email: Set(line.email),
            password: Set(line.password_hash),
            one_time_expires_at: Set(line.one_time.as_ref().map(|one_time| one_time.expires_at)),
            one_time_used_at: Set(line.one_time.and_then(|one_time| one_time.used_at)),
            epoch: Set(line.epoch),
            version: Set(line.version),
            created_at: Set(line.created_at),
            updated_at: Set(line.updated_at),
        }
    }
}

struct Keys;

/// A registration that was made under an idempotency key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyLine {
    key: String,
    user_id: Uuid,
    #[serde(with = "line::hash")]
    fingerprint: Vec<u8>,
    #[serde(with = "line::moment")]
    created_at: i64,
}

impl Table for Keys {
    type Entity = idempotency_key::Entity;
    type Line = KeyLine;
    const FILE: &'static str = "user_keys.jsonl";

    fn order() -> Vec<idempotency_key::Column> {
        vec![idempotency_key::Column::Key]
    }

    fn line(row: idempotency_key::Model) -> KeyLine {
        let idempotency_key::Model { key, user_id, fingerprint, created_at } = row;
        KeyLine { key, user_id, fingerprint, created_at }
    }

    fn valid(line: KeyLine) -> Result<KeyLine, FieldError> {
        IdempotencyKey::parse(&line.key).map_err(|rule| rule.of("key"))?;
        Ok(line)
    }

    fn row(line: KeyLine) -> idempotency_key::ActiveModel {
        let KeyLine { key, user_id, fingerprint, created_at } = line;
        idempotency_key::ActiveModel {
            key: Set(key),
            user_id: Set(user_id),
            fingerprint: Set(fingerprint),
            created_at: Set(created_at),
        }
    }
}

struct Waiting;

/// An event that was committed and not yet confirmed. The lines stand in the order of the commits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    id: Uuid,
    /// As it stands there, be it damaged.
    event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<i64>,
}

impl Table for Waiting {
    type Entity = outbox::Entity;
    type Line = EventLine;
    const FILE: &'static str = "outbox.jsonl";

    fn order() -> Vec<outbox::Column> {
        vec![outbox::Column::Position]
    }

    fn line(row: outbox::Model) -> EventLine {
        let outbox::Model { id, event, kind, user_id, version, epoch, .. } = row;
        EventLine { id, event, kind, user_id, version, epoch }
    }

    fn valid(line: EventLine) -> Result<EventLine, FieldError> {
        line::at_most("kind", line.kind.as_deref().unwrap_or_default(), 64)?;
        Ok(EventLine { event: storable(&line.event), ..line })
    }

    fn row(line: EventLine) -> outbox::ActiveModel {
        let EventLine { id, event, kind, user_id, version, epoch } = line;
        outbox::ActiveModel {
            position: NotSet,
            id: Set(id),
            event: Set(event),
            kind: Set(kind),
            user_id: Set(user_id),
            version: Set(version),
            epoch: Set(epoch),
        }
    }
}

/// A text that may be damaged, as every database can keep it: PostgreSQL takes no NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

struct Aside;

/// An event that no consumer could understand.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AsideLine {
    id: Uuid,
    event: String,
    reason: String,
}

impl Table for Aside {
    type Entity = set_aside::Entity;
    type Line = AsideLine;
    const FILE: &'static str = "set_aside.jsonl";

    fn order() -> Vec<set_aside::Column> {
        vec![set_aside::Column::Id]
    }

    fn line(row: set_aside::Model) -> AsideLine {
        let set_aside::Model { id, event, reason } = row;
        AsideLine { id, event, reason }
    }

    fn valid(line: AsideLine) -> Result<AsideLine, FieldError> {
        Ok(AsideLine { event: storable(&line.event), reason: storable(&line.reason), ..line })
    }

    fn row(line: AsideLine) -> set_aside::ActiveModel {
        let AsideLine { id, event, reason } = line;
        set_aside::ActiveModel { id: Set(id), event: Set(event), reason: Set(reason) }
    }
}
