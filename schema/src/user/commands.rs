//! What is done to accounts inside of a write transaction.
//!
//! An expected conflict is found by `ON CONFLICT` or by a row count wherever it can be, since a statement that fails
//! would end a transaction of PostgreSQL.

use portico_kernel::{Event, Idempotency, UserId};
use portico_user::{Account, Changed, Inserted, PasswordHash};
use sea_orm::{
    ActiveValue::NotSet, ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait as _, SqlErr, TryInsertResult, sea_query::Expr,
};

use super::{
    entities::{idempotency_key, user},
    outbox,
};
use crate::{database::Rollback, purge};

pub(super) async fn insert(
    tx: &DatabaseTransaction,
    account: Account,
    event: Event,
    idempotency: Option<Idempotency>,
) -> Result<Inserted, Rollback<Inserted>> {
    if !keep(tx, &account, &event).await? {
        let known = match &idempotency {
            Some(Idempotency { key, .. }) => idempotency_key::Entity::find_by_id(key.as_str()).one(tx).await?.is_some(),
            None => false,
        };
        return Ok(if known { Inserted::KeyKnown } else { Inserted::EmailTaken });
    }
    match &idempotency {
        Some(idempotency) if !remember(tx, &account, idempotency).await? => Err(Rollback::Answer(Inserted::KeyKnown)),
        _ => Ok(Inserted::Kept),
    }
}

pub(super) async fn import(
    tx: &DatabaseTransaction,
    accounts: Vec<(Account, Event)>,
) -> Result<Vec<Inserted>, Rollback<Vec<Inserted>>> {
    let mut outcomes = Vec::with_capacity(accounts.len());
    for (account, event) in &accounts {
        outcomes.push(if keep(tx, account, event).await? { Inserted::Kept } else { Inserted::EmailTaken });
    }
    Ok(outcomes)
}

/// Keeps an account with its event; false, and nothing is kept, when its address is taken.
async fn keep(tx: &DatabaseTransaction, account: &Account, event: &Event) -> Result<bool, DbErr> {
    let inserted = user::Entity::insert(user::ActiveModel::from(account))
        .on_conflict_do_nothing_on([user::Column::EmailKey])
        .exec_without_returning(tx)
        .await?;
    let kept = is_one(&inserted);
    if kept {
        outbox::add(tx, event).await?;
    }
    Ok(kept)
}

/// Remembers the key of a registration; false when it is remembered already.
async fn remember(tx: &DatabaseTransaction, account: &Account, idempotency: &Idempotency) -> Result<bool, DbErr> {
    let key = idempotency_key::ActiveModel::of(account, idempotency);
    let inserted = idempotency_key::Entity::insert(key).on_conflict_do_nothing().exec_without_returning(tx).await?;
    Ok(is_one(&inserted))
}

fn is_one(inserted: &TryInsertResult<u64>) -> bool {
    matches!(inserted, TryInsertResult::Inserted(1))
}

pub(super) async fn update(
    tx: &DatabaseTransaction,
    account: Account,
    event: Event,
) -> Result<Changed, Rollback<Changed>> {
    let changed = user::Entity::update_many()
        .set(user::ActiveModel { id: NotSet, created_at: NotSet, ..(&account).into() })
        .filter(user::Column::Id.eq(account.user.id.uuid()))
        .filter(user::Column::Version.eq(account.user.version - 1))
        .exec(tx)
        .await;
    match changed {
        Ok(changed) if changed.rows_affected == 0 => Ok(Changed::Stale),
        Ok(_) => {
            outbox::add(tx, &event).await?;
            Ok(Changed::Done)
        }
        Err(error) => match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Err(Rollback::Answer(Changed::EmailTaken)),
            _ => Err(error.into()),
        },
    }
}

pub(super) async fn rehash(
    tx: &DatabaseTransaction,
    id: UserId,
    old: PasswordHash,
    new: PasswordHash,
) -> Result<(), Rollback<()>> {
    user::Entity::update_many()
        .col_expr(user::Column::Password, Expr::value(new.expose()))
        .filter(user::Column::Id.eq(id.uuid()))
        .filter(user::Column::Password.eq(old.expose()))
        .exec(tx)
        .await?;
    Ok(())
}

/// `version` is the one after the account's last. Its idempotency keys go by cascade.
pub(super) async fn delete(
    tx: &DatabaseTransaction,
    id: UserId,
    version: i64,
    event: Event,
) -> Result<Changed, Rollback<Changed>> {
    let deleted = user::Entity::delete_many()
        .filter(user::Column::Id.eq(id.uuid()))
        .filter(user::Column::Version.eq(version - 1))
        .exec(tx)
        .await?;
    if deleted.rows_affected == 0 {
        return Ok(Changed::Stale);
    }
    outbox::add(tx, &event).await?;
    Ok(Changed::Done)
}

/// Forgets at most [`purge::BATCH_MAX`] keys from before `before`, oldest first.
pub(super) async fn forget_keys(tx: &DatabaseTransaction, before: i64) -> Result<u64, Rollback<u64>> {
    let oldest = idempotency_key::Entity::find()
        .select_only()
        .column(idempotency_key::Column::Key)
        .filter(idempotency_key::Column::CreatedAt.lt(before))
        .order_by_asc(idempotency_key::Column::CreatedAt)
        .limit(purge::BATCH_MAX)
        .into_query();
    let deleted = idempotency_key::Entity::delete_many()
        .filter(idempotency_key::Column::Key.in_subquery(oldest))
        .exec(tx)
        .await?;
    Ok(deleted.rows_affected)
}
