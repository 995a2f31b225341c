//! Sessions and least epochs as lines of files, whoever keeps them.

use std::{collections::HashMap, net::IpAddr};

use futures_util::future::BoxFuture;
use portico_kernel::{FieldError, Invalid};
use portico_session::{ClientInfo, LAST_EPOCH};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, QueryFilter as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Sessions,
    entities::{epoch, session},
    migrations,
};
use crate::transfer::{AnyTable, Relational, Table, Transfer, line, relational, table::Against};

impl Sessions {
    /// What of it can be taken to another store.
    pub fn transfer(&self) -> Box<dyn Transfer + '_> {
        Box::new(Relational {
            section: "session.store",
            schema: relational::latest::<migrations::Migrator>(),
            database: &self.database,
            tables: &TABLES,
            ready: relational::always_ready,
            in_use: relational::unknown,
        })
    }
}

/// Epochs first: no session comes in below its user's least.
pub(crate) const TABLES: [&dyn AnyTable; 2] = [&Epochs, &Open];

pub(crate) struct Epochs;

/// A user's least epoch.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpochLine {
    pub(crate) user_id: Uuid,
    pub(crate) least: i64,
}

impl Table for Epochs {
    type Entity = epoch::Entity;
    type Line = EpochLine;
    const FILE: &'static str = "epochs.jsonl";

    fn order() -> Vec<epoch::Column> {
        vec![epoch::Column::UserId]
    }

    fn line(row: epoch::Model) -> EpochLine {
        EpochLine { user_id: row.user_id, least: row.least }
    }

    fn valid(line: EpochLine) -> Result<EpochLine, FieldError> {
        Ok(line)
    }

    fn row(line: EpochLine) -> epoch::ActiveModel {
        epoch::ActiveModel { user_id: Set(line.user_id), least: Set(line.least) }
    }
}

/// Why a session does not come in.
pub(crate) const STALE: &str = "its epoch is below its user's least";

pub(crate) struct Open;

/// A session.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionLine {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    #[serde(with = "line::hash")]
    pub(crate) token_hash: Vec<u8>,
    pub(crate) epoch: i64,
    #[serde(with = "line::moment")]
    pub(crate) created_at: i64,
    #[serde(with = "line::moment")]
    pub(crate) last_seen_at: i64,
    #[serde(with = "line::moment")]
    pub(crate) expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

impl Table for Open {
    type Entity = session::Entity;
    type Line = SessionLine;
    const FILE: &'static str = "sessions.jsonl";

    fn order() -> Vec<session::Column> {
        vec![session::Column::TokenHash]
    }

    fn line(row: session::Model) -> SessionLine {
        SessionLine {
            id: row.id,
            user_id: row.user_id,
            token_hash: row.token_hash,
            epoch: row.epoch,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            user_agent: row.user_agent,
            address: row.address,
        }
    }

    fn valid(mut line: SessionLine) -> Result<SessionLine, FieldError> {
        let agent = line.user_agent.as_deref().unwrap_or_default();
        line::at_most("user_agent", agent, ClientInfo::USER_AGENT_MAX)?;
        if let Some(address) = &mut line.address {
            let parsed = address.parse::<IpAddr>();
            let wrong = |_| Invalid::new("malformed", "must be an IP address").of("address");
            *address = parsed.map_err(wrong)?.to_string();
        }
        Ok(line)
    }

    fn row(line: SessionLine) -> session::ActiveModel {
        session::ActiveModel {
            token_hash: Set(line.token_hash),
            id: Set(line.id),
            user_id: Set(line.user_id),
            epoch: Set(line.epoch),
            created_at: Set(line.created_at),
            last_seen_at: Set(line.last_seen_at),
            expires_at: Set(line.expires_at),
            user_agent: Set(line.user_agent),
            address: Set(line.address),
        }
    }

    fn against<'t>(
        tx: &'t DatabaseTransaction,
        lines: &'t [SessionLine],
    ) -> BoxFuture<'t, Result<Option<Against>, DbErr>> {
        Box::pin(async move {
            let users = epoch::Column::UserId.is_in(lines.iter().map(|line| line.user_id));
            let epochs = epoch::Entity::find().filter(users).all(tx).await?;
            let least: HashMap<_, _> = epochs.into_iter().map(|row| (row.user_id, row.least)).collect();
            let is_stale = |line: &SessionLine| {
                least.get(&line.user_id).is_some_and(|least| line.epoch < *least || *least == LAST_EPOCH)
            };
            Ok(lines.iter().position(is_stale).map(|index| (index, STALE)))
        })
    }

    fn ends_at(line: &SessionLine) -> Option<i64> {
        Some(line.expires_at)
    }
}
