//! The one row that a readiness check writes: reading alone would not notice a full or read-only disk.

use portico_kernel::StoreError;
use sea_orm::{
    ActiveValue::Set,
    DatabaseTransaction, DbErr, EntityTrait as _, ExprTrait as _,
    sea_query::{Expr, OnConflict},
};
use sea_orm_migration::{
    SchemaManager,
    prelude::Table,
    schema::{big_integer, integer},
};

use crate::database::{Database, Rollback, store_error};

#[expect(unreachable_pub, reason = "what SeaORM derives is public, and needs public models")]
mod entity {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "probes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub written: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The only row there is.
const ROW: i32 = 1;

/// Creates the table: a step of each database's first migration.
pub(crate) async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let (id, written) = (integer("id").primary_key().take(), big_integer("written"));
    manager.create_table(Table::create().table("probes").col(id).col(written).take()).await
}

/// Writes the row and reads it back.
pub(crate) async fn check(database: &Database) -> Result<(), StoreError> {
    database.write(|tx| Box::pin(write(tx))).await?;
    let found = entity::Entity::find_by_id(ROW).one(database.read()).await.map_err(store_error)?;
    found.map(drop).ok_or_else(|| StoreError::Broken("what was just written cannot be read".into()))
}

async fn write(tx: &DatabaseTransaction) -> Result<(), Rollback<()>> {
    let one_more = Expr::col((entity::Entity, entity::Column::Written)).add(1);
    entity::Entity::insert(entity::ActiveModel { id: Set(ROW), written: Set(1) })
        .on_conflict(OnConflict::column(entity::Column::Id).value(entity::Column::Written, one_more).to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}
