//! How far an import has come, in the database that it goes into: a row for each of its files, which stay for good and tell
//! where the rows came from.

use portico_kernel::StoreError;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, QueryFilter as _, sea_query::Expr,
};
use sea_orm_migration::{
    SchemaManager,
    prelude::Table,
    schema::{big_integer, big_integer_null, string_len, uuid},
};
use std::collections::HashMap;
use uuid::Uuid;

use super::AnyTable;
use crate::database::{Reader, Rollback};

#[expect(unreachable_pub, reason = "what SeaORM derives is public, and needs public models")]
mod entity {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "imports")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub file: String,
        pub export_id: Uuid,
        /// How many of its lines are in.
        pub lines: i64,
        /// When the import was found to be whole.
        pub ended_at: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// How an import stands when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It may go on, with so many lines of each file in.
    At(HashMap<String, u64>),
    /// It has ended already.
    Ended,
    /// The store holds what another export brought.
    Another(Uuid),
    /// The store holds rows that no import brought; what would be their file.
    Occupied(&'static str),
}

/// Makes the table: a step of each database's migrations.
pub(crate) async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("imports")
        .col(string_len("file", 64).primary_key())
        .col(uuid("export_id"))
        .col(big_integer("lines"))
        .col(big_integer_null("ended_at"));
    manager.create_table(table).await
}

/// Begins an import into `tables`, or says how it stands.
pub(super) async fn begin(tx: &DatabaseTransaction, export: Uuid, tables: &[&dyn AnyTable]) -> Result<Begun, DbErr> {
    let marks = entity::Entity::find().all(tx).await?;
    if let Some(other) = marks.iter().find(|mark| mark.export_id != export) {
        return Ok(Begun::Another(other.export_id));
    }
    if marks.is_empty() {
        return fresh(tx, export, tables).await;
    }
    if marks.iter().all(|mark| mark.ended_at.is_some()) {
        return Ok(Begun::Ended);
    }
    Ok(Begun::At(marks.into_iter().map(|mark| (mark.file, mark.lines.unsigned_abs())).collect()))
}

async fn fresh(tx: &DatabaseTransaction, export: Uuid, tables: &[&dyn AnyTable]) -> Result<Begun, DbErr> {
    for table in tables {
        if !table.is_empty(tx).await? {
            return Ok(Begun::Occupied(table.file()));
        }
    }
    let mark = |table: &&dyn AnyTable| entity::ActiveModel {
        file: Set(table.file().to_owned()),
        export_id: Set(export),
        lines: Set(0),
        ended_at: Set(None),
    };
    entity::Entity::insert_many(tables.iter().map(mark)).exec_without_returning(tx).await?;
    Ok(Begun::At(tables.iter().map(|table| (table.file().to_owned(), 0)).collect()))
}

/// Notes that no longer the first `before` lines of `file` are in, but the first `after`; false, if that was not so.
pub(super) async fn advance(
    tx: &DatabaseTransaction,
    export: Uuid,
    file: &str,
    (before, after): (u64, u64),
) -> Result<bool, DbErr> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let advanced = entity::Entity::update_many()
        .col_expr(entity::Column::Lines, Expr::value(number(after)))
        .filter(entity::Column::File.eq(file))
        .filter(entity::Column::ExportId.eq(export))
        .filter(entity::Column::Lines.eq(number(before)))
        .filter(entity::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(advanced.rows_affected == 1)
}

/// Notes that the import of `export` was found to be whole.
pub(super) async fn end(tx: &DatabaseTransaction, export: Uuid, now: i64) -> Result<(), Rollback<()>> {
    entity::Entity::update_many()
        .col_expr(entity::Column::EndedAt, Expr::value(now))
        .filter(entity::Column::ExportId.eq(export))
        .exec(tx)
        .await?;
    Ok(())
}

/// The export whose import has not ended.
pub(super) async fn unfinished(reader: &Reader) -> Result<Option<Uuid>, StoreError> {
    let open = entity::Entity::find().filter(entity::Column::EndedAt.is_null()).one(reader).await;
    Ok(open.map_err(crate::database::store_error)?.map(|mark| mark.export_id))
}
