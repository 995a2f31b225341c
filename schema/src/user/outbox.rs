//! The outbox: events that were committed beside the change they tell of.
//!
//! Invariant: events come out in the order in which they were committed. Positions are given out by the one writer, so
//! that they rise as commits do. A row that is no event is set aside, so that it does not hold up the others.

use async_trait::async_trait;
use portico_kernel::{Event, Outbox, StoreError};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use super::{
    Users,
    entities::{outbox, set_aside},
};
use crate::database::{Rollback, store_error};

/// Adds an event, in the transaction of the change that it tells of.
pub(super) async fn add(tx: &DatabaseTransaction, event: &Event) -> Result<(), DbErr> {
    let json = serde_json::to_string(event).map_err(|error| DbErr::Json(error.to_string()))?;
    let row = outbox::ActiveModel { position: NotSet, id: Set(event.id), event: Set(json) };
    outbox::Entity::insert(row).exec_without_returning(tx).await.map(drop)
}

#[async_trait]
impl Outbox for Users {
    async fn after(&self, position: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        loop {
            let rows = self.rows_after(position, limit).await?;
            let all = rows.len();
            let mut events = Vec::with_capacity(all);
            for row in rows {
                match serde_json::from_str(&row.event) {
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

async fn forget(tx: &DatabaseTransaction, ids: Vec<Uuid>) -> Result<(), Rollback<()>> {
    outbox::Entity::delete_many().filter(outbox::Column::Id.is_in(ids)).exec(tx).await?;
    Ok(())
}

async fn move_aside(tx: &DatabaseTransaction, id: Uuid, reason: String) -> Result<(), Rollback<()>> {
    let Some(row) = outbox::Entity::find().filter(outbox::Column::Id.eq(id)).one(tx).await? else { return Ok(()) };
    let row = set_aside::ActiveModel { id: Set(row.id), event: Set(row.event), reason: Set(reason) };
    set_aside::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx).await?;
    forget(tx, vec![id]).await
}
