//! How the photo database came to be, step by step. A step that was released is never edited.

use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationTrait, MigratorTrait, SchemaManager,
    prelude::{ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index, Table},
    schema::{big_integer, binary_len, boolean, string_len, uuid},
};

use crate::{
    lease,
    migration::{create_clustered, step},
    probe,
    transfer::marks,
};

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            step("m0001_first", |manager| Box::pin(first(manager))),
            // Whose turn it is, where several processes share the database.
            step("m0002_leases", |manager| Box::pin(lease::create(manager))),
            // How far an import has come.
            step("m0003_imports", |manager| Box::pin(marks::create_table(manager))),
        ]
    }
}

/// Owners, photos, the work list, the inbox and idempotency keys.
async fn first(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    probe::create_table(manager).await?;
    let mut owners = Table::create();
    owners.table("owners").col(uuid("id").primary_key()).col(big_integer("version")).col(boolean("deleted"));
    create_clustered(manager, owners.col(big_integer("photo_count"))).await?;
    photos(manager).await?;
    idempotency_keys(manager).await?;
    content_work(manager).await?;
    let mut inbox = Table::create();
    inbox.table("inbox").col(uuid("event_id").primary_key()).col(big_integer("applied_at"));
    create_clustered(manager, &mut inbox).await?;
    index(manager, "inbox", "applied_at").await
}

/// The key is owner and id: an owner's page is one stretch of the table, however many photos there are.
async fn photos(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("photos")
        .col(uuid("owner_id"))
        .col(uuid("id"))
        .col(string_len("content_type", 32))
        .col(binary_len("sha256", 32))
        .col(string_len("thumb_type", 32))
        .col(binary_len("thumb_sha256", 32))
        .primary_key(Index::create().col("owner_id").col("id"))
        .foreign_key(&mut of_owner("photos"));
    for column in ["size_bytes", "width", "height", "thumb_size_bytes", "created_at"] {
        table.col(big_integer(column));
    }
    create_clustered(manager, &mut table).await
}

async fn idempotency_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("idempotency_keys")
        .col(uuid("owner_id"))
        .col(string_len("key", 128))
        .col(uuid("photo_id"))
        .col(binary_len("fingerprint", 32))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("owner_id").col("key"))
        .foreign_key(&mut of_owner("idempotency_keys"));
    create_clustered(manager, &mut table).await?;
    index(manager, "idempotency_keys", "created_at").await
}

/// No foreign key: this list outlives whatever it speaks of.
async fn content_work(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table("content_work").col(uuid("photo_id").primary_key()).col(uuid("owner_id"));
    table.col(big_integer("due")).col(big_integer("attempts"));
    create_clustered(manager, &mut table).await?;
    index(manager, "content_work", "due").await
}

fn of_owner(table: &'static str) -> ForeignKeyCreateStatement {
    let mut key = ForeignKey::create();
    key.from(table, "owner_id").to("owners", "id").on_delete(ForeignKeyAction::Cascade);
    key
}

async fn index(manager: &SchemaManager<'_>, table: &'static str, column: &'static str) -> Result<(), DbErr> {
    let name = format!("{table}_by_{column}");
    manager.create_index(Index::create().name(name).table(table).col(column).take()).await
}
