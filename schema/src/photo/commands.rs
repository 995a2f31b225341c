//! What is done to photos' rows inside of a write transaction.
//!
//! Invariant: whatever depends on an owner, or changes what it has, first locks the owner's row. SQLite has one writer
//! anyhow, and leaves that out.

use portico_kernel::{IDEMPOTENCY_KEPT, Idempotency, UserId};
use portico_photo::{Inserted, OwnerChange, Photo, PhotoId, Reserved};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, TryInsertResult,
    sea_query::{Expr, OnConflict, Query},
};
use uuid::Uuid;

use super::entities::{content_work, idempotency_key, inbox, owner, photo};
use crate::{database::Rollback, purge};

/// Why an owner may not have another photo.
enum Denied {
    Deleted,
    QuotaReached,
}

/// Locks an owner until the transaction ends; none if it is not known.
async fn locked(tx: &DatabaseTransaction, id: UserId) -> Result<Option<owner::Model>, DbErr> {
    owner::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx).await
}

/// Locks an owner, and makes it if it is not known yet, of no version that any event has.
async fn locked_or_made(tx: &DatabaseTransaction, id: UserId) -> Result<owner::Model, DbErr> {
    if let Some(known) = locked(tx, id).await? {
        return Ok(known);
    }
    let fresh = owner::Model { id: id.uuid(), version: 0, deleted: false, photo_count: 0 };
    let row = owner::ActiveModel { id: Set(fresh.id), version: Set(0), deleted: Set(false), photo_count: Set(0) };
    let inserted = owner::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx).await?;
    if matches!(inserted, TryInsertResult::Inserted(1)) {
        return Ok(fresh);
    }
    // Another transaction has made it meanwhile, and is over.
    locked(tx, id).await?.ok_or_else(|| DbErr::RecordNotFound("owners are never deleted".to_owned()))
}

/// Locks an owner, which is made if the event of its registration has not come yet, and says whether it may have another
/// photo.
async fn admit(tx: &DatabaseTransaction, id: UserId, quota: u32) -> Result<Result<(), Denied>, DbErr> {
    Ok(match locked_or_made(tx, id).await? {
        owner::Model { deleted: true, .. } => Err(Denied::Deleted),
        owner::Model { photo_count, .. } if photo_count >= i64::from(quota) => Err(Denied::QuotaReached),
        owner::Model { .. } => Ok(()),
    })
}

pub(super) async fn reserve(
    tx: &DatabaseTransaction,
    owner: UserId,
    photo: PhotoId,
    due: i64,
    quota: u32,
) -> Result<Reserved, Rollback<Reserved>> {
    match admit(tx, owner, quota).await? {
        Err(Denied::Deleted) => return Ok(Reserved::OwnerDeleted),
        Err(Denied::QuotaReached) => return Ok(Reserved::QuotaReached),
        Ok(()) => {}
    }
    plan_deletion(tx, owner.uuid(), photo.uuid(), due).await?;
    Ok(Reserved::Granted)
}

async fn plan_deletion(tx: &DatabaseTransaction, owner_id: Uuid, photo_id: Uuid, due: i64) -> Result<(), DbErr> {
    content_work::Entity::insert(work(owner_id, photo_id, due))
        .on_conflict(
            OnConflict::column(content_work::Column::PhotoId).update_column(content_work::Column::Due).to_owned(),
        )
        .exec_without_returning(tx)
        .await
        .map(drop)
}

fn work(owner_id: Uuid, photo_id: Uuid, due: i64) -> content_work::ActiveModel {
    content_work::ActiveModel { photo_id: Set(photo_id), owner_id: Set(owner_id), due: Set(due), attempts: Set(0) }
}

pub(super) async fn insert(
    tx: &DatabaseTransaction,
    photo: Photo,
    idempotency: Option<Idempotency>,
    quota: u32,
) -> Result<Inserted, Rollback<Inserted>> {
    let admitted = admit(tx, photo.owner, quota).await?;
    if matches!(admitted, Err(Denied::Deleted)) {
        return Ok(Inserted::OwnerDeleted);
    }
    // Before the quota: a repeated upload is no further photo, however many there are.
    if let Some(idempotency) = &idempotency
        && !remember(tx, &photo, idempotency).await?
    {
        return Ok(Inserted::KeyKnown);
    }
    if matches!(admitted, Err(Denied::QuotaReached)) {
        return Err(Rollback::Answer(Inserted::QuotaReached)); // and the key stays free
    }
    let reservation = content_work::Entity::delete_by_id(photo.id.uuid()).filter(content_work::Column::Attempts.eq(0));
    if reservation.exec(tx).await?.rows_affected == 0 {
        // Past its time, the reservation was used: the content is gone or going.
        return Err(Rollback::Refused(portico_kernel::StoreError::Unavailable("the reservation has expired".into())));
    }
    photo::Entity::insert(photo::ActiveModel::from(&photo)).exec_without_returning(tx).await?;
    count(tx, photo.owner, 1).await?;
    Ok(Inserted::Kept)
}

/// Remembers the key of an upload; false when it is remembered already. One that is past its time and was not purged yet
/// makes room.
async fn remember(tx: &DatabaseTransaction, photo: &Photo, idempotency: &Idempotency) -> Result<bool, DbErr> {
    let since = crate::moment::to_nanos(photo.created_at - IDEMPOTENCY_KEPT);
    idempotency_key::Entity::delete_by_id((photo.owner.uuid(), idempotency.key.as_str().to_owned()))
        .filter(idempotency_key::Column::CreatedAt.lt(since))
        .exec(tx)
        .await?;
    let key = idempotency_key::ActiveModel {
        owner_id: Set(photo.owner.uuid()),
        key: Set(idempotency.key.as_str().to_owned()),
        photo_id: Set(photo.id.uuid()),
        fingerprint: Set(idempotency.fingerprint.to_vec()),
        created_at: Set(crate::moment::to_nanos(photo.created_at)),
    };
    let inserted = idempotency_key::Entity::insert(key).on_conflict_do_nothing().exec_without_returning(tx).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

async fn count(tx: &DatabaseTransaction, owner: UserId, change: i64) -> Result<(), DbErr> {
    owner::Entity::update_many()
        .col_expr(owner::Column::PhotoCount, Expr::col(owner::Column::PhotoCount).add(change))
        .filter(owner::Column::Id.eq(owner.uuid()))
        .exec(tx)
        .await
        .map(drop)
}

pub(super) async fn delete(
    tx: &DatabaseTransaction,
    owner: UserId,
    photo: PhotoId,
    now: i64,
) -> Result<bool, Rollback<bool>> {
    if locked(tx, owner).await?.is_none() {
        return Ok(false);
    }
    let deleted = photo::Entity::delete_by_id((owner.uuid(), photo.uuid())).exec(tx).await?;
    if deleted.rows_affected == 0 {
        return Ok(false);
    }
    count(tx, owner, -1).await?;
    // An entry that is there already is that of a copy, which may not have ended: it keeps its time.
    content_work::Entity::insert(work(owner.uuid(), photo.uuid(), now))
        .on_conflict_do_nothing()
        .exec_without_returning(tx)
        .await?;
    Ok(true)
}

pub(super) async fn begin_copy(
    tx: &DatabaseTransaction,
    owner: UserId,
    photo: PhotoId,
    due: i64,
) -> Result<bool, Rollback<bool>> {
    let exists = is_kept(tx, owner, photo).await?;
    if exists {
        plan_deletion(tx, owner.uuid(), photo.uuid(), due).await?;
    }
    Ok(exists)
}

pub(super) async fn end_copy(
    tx: &DatabaseTransaction,
    owner: UserId,
    photo: PhotoId,
    now: i64,
) -> Result<bool, Rollback<bool>> {
    let exists = is_kept(tx, owner, photo).await?;
    if exists {
        content_work::Entity::delete_by_id(photo.uuid()).exec(tx).await?;
    } else {
        plan_deletion(tx, owner.uuid(), photo.uuid(), now).await?;
    }
    Ok(exists)
}

/// Whether a photo has a row, which it keeps until the transaction ends.
async fn is_kept(tx: &DatabaseTransaction, owner: UserId, photo: PhotoId) -> Result<bool, DbErr> {
    let known = locked(tx, owner).await?.is_some();
    Ok(known && photo::Entity::find_by_id((owner.uuid(), photo.uuid())).one(tx).await?.is_some())
}

pub(super) async fn apply(
    tx: &DatabaseTransaction,
    event: Uuid,
    change: OwnerChange,
    now: i64,
) -> Result<(), Rollback<()>> {
    let seen = inbox::ActiveModel { event_id: Set(event), applied_at: Set(now) };
    let first = inbox::Entity::insert(seen).on_conflict_do_nothing().exec_without_returning(tx).await?;
    if !matches!(first, TryInsertResult::Inserted(1)) {
        return Ok(());
    }
    match locked_or_made(tx, change.owner).await? {
        owner::Model { deleted: true, .. } => {}
        _ if change.deleted => bury(tx, change, now).await?,
        known if known.version >= change.version => {}
        _ => {
            owner::Entity::update_many()
                .col_expr(owner::Column::Version, Expr::value(change.version))
                .filter(owner::Column::Id.eq(change.owner.uuid()))
                .exec(tx)
                .await?;
        }
    }
    Ok(())
}

/// Turns an owner into its tombstone, and plans the deletion of all its content.
async fn bury(tx: &DatabaseTransaction, change: OwnerChange, now: i64) -> Result<(), DbErr> {
    let id = change.owner.uuid();
    let content = Query::select()
        .columns([photo::Column::Id, photo::Column::OwnerId])
        .exprs([Expr::value(now), Expr::value(0_i64)])
        .from(photo::Entity)
        .and_where(photo::Column::OwnerId.eq(id))
        .take();
    let plan = Query::insert()
        .into_table(content_work::Entity)
        .columns([
            content_work::Column::PhotoId,
            content_work::Column::OwnerId,
            content_work::Column::Due,
            content_work::Column::Attempts,
        ])
        .select_from(content)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .on_conflict(OnConflict::column(content_work::Column::PhotoId).do_nothing().to_owned()) // as in `delete`
        .take();
    tx.execute(&plan).await?;
    photo::Entity::delete_many().filter(photo::Column::OwnerId.eq(id)).exec(tx).await?;
    idempotency_key::Entity::delete_many().filter(idempotency_key::Column::OwnerId.eq(id)).exec(tx).await?;
    let tombstone = owner::ActiveModel {
        version: Set(change.version),
        deleted: Set(true),
        photo_count: Set(0),
        ..owner::ActiveModel::default()
    };
    owner::Entity::update_many().set(tombstone).filter(owner::Column::Id.eq(id)).exec(tx).await.map(drop)
}

pub(super) async fn done(tx: &DatabaseTransaction, photo: PhotoId) -> Result<(), Rollback<()>> {
    content_work::Entity::delete_by_id(photo.uuid()).exec(tx).await?;
    Ok(())
}

pub(super) async fn postpone(tx: &DatabaseTransaction, photo: PhotoId, due: i64) -> Result<bool, Rollback<bool>> {
    let Some(entry) = content_work::Entity::find_by_id(photo.uuid()).one(tx).await? else {
        return Ok(false);
    };
    if is_kept(tx, entry.owner_id.into(), photo).await? {
        content_work::Entity::delete_by_id(photo.uuid()).exec(tx).await?;
        return Ok(false);
    }
    let postponed = content_work::Entity::update_many()
        .col_expr(content_work::Column::Due, Expr::value(due))
        .col_expr(content_work::Column::Attempts, Expr::col(content_work::Column::Attempts).add(1))
        .filter(content_work::Column::PhotoId.eq(photo.uuid()))
        .exec(tx)
        .await?;
    Ok(postponed.rows_affected > 0)
}

/// Forgets at most [`purge::BATCH_MAX`] keys from before `before`.
pub(super) async fn forget_keys(tx: &DatabaseTransaction, before: i64) -> Result<u64, Rollback<u64>> {
    use idempotency_key::Column::{CreatedAt, Key, OwnerId};
    let oldest = idempotency_key::Entity::find()
        .select_only()
        .columns([OwnerId, Key])
        .filter(CreatedAt.lt(before))
        .order_by_asc(CreatedAt)
        .limit(purge::BATCH_MAX)
        .into_query();
    let key = Expr::tuple([Expr::col(OwnerId), Expr::col(Key)]);
    let deleted = idempotency_key::Entity::delete_many().filter(key.in_subquery(oldest)).exec(tx).await?;
    Ok(deleted.rows_affected)
}

/// Forgets at most [`purge::BATCH_MAX`] events that were applied before `before`.
pub(super) async fn empty_inbox(tx: &DatabaseTransaction, before: i64) -> Result<u64, Rollback<u64>> {
    let oldest = inbox::Entity::find()
        .select_only()
        .column(inbox::Column::EventId)
        .filter(inbox::Column::AppliedAt.lt(before))
        .order_by_asc(inbox::Column::AppliedAt)
        .limit(purge::BATCH_MAX)
        .into_query();
    let deleted = inbox::Entity::delete_many().filter(inbox::Column::EventId.in_subquery(oldest)).exec(tx).await?;
    Ok(deleted.rows_affected)
}
