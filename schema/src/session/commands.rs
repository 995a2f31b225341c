//! What is done to sessions inside of a write transaction.

use portico_kernel::UserId;
use portico_session::{Epoch, Inserted, LAST_EPOCH, Session, SessionId, TokenHash};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, Iterable as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, OnConflict, Query},
};
use time::OffsetDateTime;

use super::entities::{epoch, session};
use crate::{database::Rollback, moment::to_nanos};

pub(super) async fn insert(
    tx: &DatabaseTransaction,
    session: Session,
    hash: TokenHash,
    per_user_max: u32,
) -> Result<Inserted, Rollback<Inserted>> {
    if !keep_unless_stale(tx, &session, hash).await? {
        return Ok(Inserted::Stale);
    }
    Ok(Inserted::Kept { ended: make_room(tx, session.user, hash, per_user_max).await? })
}

/// Keeps `session` unless its user's least epoch forbids it, and answers whether it did. One statement: each is a way to the
/// connection's thread and back, which costs a sign-in more than the statement itself.
async fn keep_unless_stale(tx: &DatabaseTransaction, session: &Session, hash: TokenHash) -> Result<bool, DbErr> {
    let forbidden = Query::select()
        .expr(Expr::value(1))
        .from(epoch::Entity)
        .and_where(epoch::Column::UserId.eq(session.user.uuid()))
        .cond_where(
            Condition::any().add(epoch::Column::Least.gt(session.epoch)).add(epoch::Column::Least.eq(LAST_EPOCH)),
        )
        .take();
    let row = session::ActiveModel::of(session, hash);
    let (columns, values): (Vec<_>, Vec<_>) = session::Column::iter()
        .filter_map(|column| row.get(column).into_value().map(|value| (column, Expr::value(value))))
        .unzip();
    let kept = Query::select().exprs(values).and_where(Expr::not_exists(forbidden)).take();
    let insert = Query::insert()
        .into_table(session::Entity)
        .columns(columns)
        .select_from(kept)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .take();
    Ok(tx.execute(&insert).await?.rows_affected() == 1)
}

/// Ends the user's oldest sessions beyond `max`, but never `newest`, wherever the clock puts it; answers how many. The index
/// of a user's sessions holds all that it looks at.
async fn make_room(tx: &DatabaseTransaction, user: UserId, newest: TokenHash, max: u32) -> Result<u64, DbErr> {
    let oldest = session::Entity::find()
        .select_only()
        .column(session::Column::TokenHash)
        .filter(session::Column::UserId.eq(user.uuid()))
        .filter(session::Column::TokenHash.ne(newest.0.to_vec()))
        .order_by_desc(session::Column::CreatedAt)
        .order_by_desc(session::Column::TokenHash)
        .limit(i64::MAX.unsigned_abs()) // SQLite takes no offset without a limit
        .offset(u64::from(max.saturating_sub(1)))
        .into_query();
    let ended = session::Entity::delete_many().filter(session::Column::TokenHash.in_subquery(oldest)).exec(tx).await?;
    Ok(ended.rows_affected)
}

async fn keep(tx: &DatabaseTransaction, session: &Session, hash: TokenHash) -> Result<(), DbErr> {
    session::Entity::insert(session::ActiveModel::of(session, hash)).exec_without_returning(tx).await.map(drop)
}

async fn least_epoch(tx: &DatabaseTransaction, user: UserId) -> Result<Option<Epoch>, DbErr> {
    Ok(epoch::Entity::find_by_id(user.uuid()).one(tx).await?.map(|row| row.least))
}

pub(super) async fn touch(
    tx: &DatabaseTransaction,
    session: SessionId,
    last_seen_at: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<(), Rollback<()>> {
    session::Entity::update_many()
        .col_expr(session::Column::LastSeenAt, Expr::value(to_nanos(last_seen_at)))
        .col_expr(session::Column::ExpiresAt, Expr::value(to_nanos(expires_at)))
        .filter(session::Column::Id.eq(session.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn delete(tx: &DatabaseTransaction, user: UserId, session: SessionId) -> Result<bool, Rollback<bool>> {
    let deleted = session::Entity::delete_many()
        .filter(session::Column::Id.eq(session.uuid()))
        .filter(session::Column::UserId.eq(user.uuid()))
        .exec(tx)
        .await?;
    Ok(deleted.rows_affected == 1)
}

pub(super) async fn delete_others(tx: &DatabaseTransaction, user: UserId, keep: SessionId) -> Result<(), Rollback<()>> {
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user.uuid()))
        .filter(session::Column::Id.ne(keep.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn raise_epoch(
    tx: &DatabaseTransaction,
    user: UserId,
    epoch: Epoch,
    replacement: Option<(Session, TokenHash)>,
) -> Result<bool, Rollback<bool>> {
    let least = least_epoch(tx, user).await?.map_or(epoch, |least| least.max(epoch));
    if replacement.as_ref().is_some_and(|(session, _)| session.epoch < least || least == LAST_EPOCH) {
        return Ok(false);
    }
    epoch::Entity::insert(epoch::ActiveModel { user_id: Set(user.uuid()), least: Set(least) })
        .on_conflict(OnConflict::column(epoch::Column::UserId).update_column(epoch::Column::Least).to_owned())
        .exec_without_returning(tx)
        .await?;
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user.uuid()))
        .filter(session::Column::Epoch.lt(least))
        .exec(tx)
        .await?;
    if let Some((session, hash)) = replacement {
        keep(tx, &session, hash).await?;
    }
    Ok(true)
}

/// Deletes at most `limit` sessions that ended before `now`, those that ended first.
pub(super) async fn purge(tx: &DatabaseTransaction, now: i64, limit: u32) -> Result<u64, Rollback<u64>> {
    let ended = session::Entity::find()
        .select_only()
        .column(session::Column::TokenHash)
        .filter(session::Column::ExpiresAt.lt(now))
        .order_by_asc(session::Column::ExpiresAt)
        .limit(u64::from(limit))
        .into_query();
    let deleted = session::Entity::delete_many().filter(session::Column::TokenHash.in_subquery(ended)).exec(tx).await?;
    Ok(deleted.rows_affected)
}
