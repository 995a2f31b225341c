//! The outbox: events that were committed beside the change they tell of.
//!
//! Invariant: events come out in the order in which they were committed (`positions`), to one process at a time where
//! several share the database (`leased`). What an event makes sessions end for, and photos go, stands in columns of its own
//! beside its text, and they decide: where the text is damaged, the event is made of them anew. A row of the first version,
//! which has none, is set aside then, so that it does not hold up the others.

use async_trait::async_trait;
use portico_kernel::{Event, Outbox, StoreError};
use portico_user::{EVENT_SOURCE, UserEventData};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use serde::Deserialize as _;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Users,
    entities::{outbox, set_aside},
    positions,
};
use crate::database::{Rollback, store_error};

/// Adds an event, in the transaction of the change that it tells of.
pub(super) async fn add(tx: &DatabaseTransaction, event: &Event) -> Result<(), DbErr> {
    let broken = |error: serde_json::Error| DbErr::Json(error.to_string());
    let text = serde_json::to_string(event).map_err(broken)?;
    let UserEventData { user_id, version, epoch } = data_of(event).map_err(broken)?;
    let row = outbox::ActiveModel {
        position: NotSet,
        id: Set(event.id),
        event: Set(text),
        kind: Set(Some(event.kind.clone())),
        user_id: Set(Some(user_id.uuid())),
        version: Set(Some(version)),
        epoch: Set(Some(epoch)),
    };
    outbox::Entity::insert(row).exec_without_returning(tx).await.map(drop)
}

#[async_trait]
impl Outbox for Users {
    async fn after(&self, position: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        positions::give(&self.database).await?;
        loop {
            let rows = self.rows_after(position, limit).await?;
            let all = rows.len();
            let mut events = Vec::with_capacity(all);
            for row in rows {
                match row.to_event() {
                    Ok(event) => events.push((row.position, event)),
                    Err(error) => self.set_unreadable_aside(row, error).await?,
                }
            }
            if all == 0 || !events.is_empty() {
                return Ok(events);
            }
        }
    }

    async fn forget(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.database.write(move |tx| Box::pin(forget(tx, ids))).await
    }

    async fn set_aside(&self, id: Uuid, reason: &str) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        self.database.write(move |tx| Box::pin(move_aside(tx, id, reason))).await
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        outbox::Entity::find().count(self.database.read()).await.map_err(store_error)
    }

    /// By their ids, which hold when they were decided and sort so.
    async fn oldest_at(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        let ids = outbox::Entity::find().select_only().column(outbox::Column::Id).order_by_asc(outbox::Column::Id);
        let oldest = ids.into_tuple::<Uuid>().one(self.database.read()).await.map_err(store_error)?;
        Ok(oldest.map(decided_at))
    }

    async fn committed(&self) {
        self.database.committed().await;
    }
}

impl Users {
    async fn rows_after(&self, position: i64, limit: u32) -> Result<Vec<outbox::Model>, StoreError> {
        outbox::Entity::find()
            .filter(outbox::Column::Position.gt(position))
            .order_by_asc(outbox::Column::Position)
            .limit(u64::from(limit))
            .all(self.database.read())
            .await
            .map_err(store_error)
    }

    async fn set_unreadable_aside(&self, row: outbox::Model, error: serde_json::Error) -> Result<(), StoreError> {
        let (position, reason) = (row.position, format!("it cannot be read: {error}"));
        tracing::error!(event.id = %row.id, position, reason, "event set aside: no consumer will ever hear of it");
        self.set_aside(row.id, &reason).await
    }
}

impl outbox::Model {
    /// # Errors
    /// The text is no event, and there are no columns.
    fn to_event(&self) -> Result<Event, serde_json::Error> {
        let event = serde_json::from_str::<Event>(&self.event);
        let Some((kind, data)) = self.columns() else { return event };
        match event {
            Ok(event) if event.kind == kind && data_of(&event).is_ok_and(|told| told == data) => Ok(event),
            damaged => {
                let reason = damaged.err().map_or("it tells something else".into(), |error| error.to_string());
                tracing::error!(event.id = %self.id, event.kind = kind, reason, "event made anew: its text is damaged");
                Ok(self.made_anew(kind, data))
            }
        }
    }

    fn columns(&self) -> Option<(&str, UserEventData)> {
        let data = UserEventData { user_id: self.user_id?.into(), version: self.version?, epoch: self.epoch? };
        Some((self.kind.as_deref()?, data))
    }

    /// Of when it was decided there remains the time in the event's id, and of the trace nothing.
    fn made_anew(&self, kind: &str, data: UserEventData) -> Event {
        let told = serde_json::to_value(data).expect("plain numbers and an id serialise");
        let event = Event::new(EVENT_SOURCE, kind, data.user_id.to_string(), decided_at(self.id), told);
        Event { id: self.id, traceparent: None, ..event }
    }
}

/// The second in which an event of that id was decided.
fn decided_at(id: Uuid) -> OffsetDateTime {
    let (seconds, _) = id.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
    let time = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn data_of(event: &Event) -> Result<UserEventData, serde_json::Error> {
    UserEventData::deserialize(&event.data)
}

pub(super) async fn forget(tx: &DatabaseTransaction, ids: Vec<Uuid>) -> Result<(), Rollback<()>> {
    outbox::Entity::delete_many().filter(outbox::Column::Id.is_in(ids)).exec(tx).await?;
    Ok(())
}

pub(super) async fn move_aside(tx: &DatabaseTransaction, id: Uuid, reason: String) -> Result<(), Rollback<()>> {
    // Not the whole row: it may have no position yet.
    let text = outbox::Entity::find().select_only().column(outbox::Column::Event).filter(outbox::Column::Id.eq(id));
    let Some(event) = text.into_tuple::<String>().one(tx).await? else { return Ok(()) };
    let row = set_aside::ActiveModel { id: Set(id), event: Set(event), reason: Set(reason) };
    set_aside::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx).await?;
    forget(tx, vec![id]).await
}
