//! How the session database came to be, step by step. A step that was released is never edited.

use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationTrait, MigratorTrait, SchemaManager,
    prelude::{Index, Table},
    schema::{big_integer, binary_len, string_len_null, uuid, uuid_uniq},
};

use crate::{
    migration::{create_clustered, step},
    probe,
    transfer::marks,
};

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            step("m0001_first", |manager| Box::pin(first(manager))),
            // How far an import has come.
            step("m0002_imports", |manager| Box::pin(marks::create_table(manager))),
        ]
    }
}

/// Sessions and epochs.
async fn first(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    probe::create_table(manager).await?;
    sessions(manager).await?;
    let mut epochs = Table::create();
    epochs.table("epochs").col(uuid("user_id").primary_key()).col(big_integer("least"));
    create_clustered(manager, &mut epochs).await
}

async fn sessions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("sessions")
        .col(binary_len("token_hash", 32).primary_key())
        .col(uuid_uniq("id"))
        .col(uuid("user_id"))
        .col(string_len_null("user_agent", 256))
        .col(string_len_null("address", 45));
    for column in ["epoch", "created_at", "last_seen_at", "expires_at"] {
        table.col(big_integer(column));
    }
    create_clustered(manager, &mut table).await?;
    // Listing a user's sessions, and purging those that ended.
    let by_user = Index::create().name("sessions_by_user").table("sessions").col("user_id").col("created_at").take();
    manager.create_index(by_user).await?;
    manager.create_index(Index::create().name("sessions_by_end").table("sessions").col("expires_at").take()).await
}
