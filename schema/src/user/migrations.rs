//! How the user database came to be, step by step. A step that was released is never edited.

use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationTrait, MigratorTrait, SchemaManager,
    prelude::{ForeignKey, ForeignKeyAction, Index, Table},
    schema::{
        big_integer, big_integer_null, big_pk_auto, binary_len, string_len, string_len_null, string_len_uniq, text,
        uuid, uuid_null, uuid_uniq,
    },
};

use super::positions;
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
            step("m0002_one_time_passwords", |manager| Box::pin(one_time_passwords(manager))),
            step("m0003_outbox_columns", |manager| Box::pin(outbox_columns(manager))),
            // Positions that rise as commits do, where there are many writers.
            step("m0004_outbox_positions", |manager| Box::pin(positions::create(manager))),
            // Who carries the events, where several processes could.
            step("m0005_leases", |manager| Box::pin(lease::create(manager))),
            // How far an import has come.
            step("m0006_imports", |manager| Box::pin(marks::create_table(manager))),
        ]
    }
}

/// Accounts, the outbox, and idempotency keys.
async fn first(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    probe::create_table(manager).await?;
    users(manager).await?;
    idempotency_keys(manager).await?;
    outbox(manager).await
}

/// Passwords that sign in once. Those that are there are none.
async fn one_time_passwords(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for column in ["one_time_expires_at", "one_time_used_at"] {
        // SQLite adds one column at a time.
        let added = Table::alter().table("users").add_column(big_integer_null(column)).take();
        manager.alter_table(added).await?;
    }
    Ok(())
}

/// What an event must not lose with its text. Events that wait already have none of it.
async fn outbox_columns(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns =
        [string_len_null("kind", 64), uuid_null("user_id"), big_integer_null("version"), big_integer_null("epoch")];
    for column in columns {
        manager.alter_table(Table::alter().table("outbox").add_column(column).take()).await?;
    }
    Ok(())
}

async fn users(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("users")
        .col(uuid("id").primary_key())
        .col(string_len("name", 256))
        .col(string_len("email", 254))
        .col(string_len_uniq("email_key", 254))
        .col(string_len("password", 512));
    for column in ["epoch", "version", "created_at", "updated_at"] {
        table.col(big_integer(column));
    }
    create_clustered(manager, &mut table).await
}

async fn idempotency_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut owner = ForeignKey::create();
    owner.from("idempotency_keys", "user_id").to("users", "id").on_delete(ForeignKeyAction::Cascade);
    let mut table = Table::create();
    table
        .table("idempotency_keys")
        .col(string_len("key", 128).primary_key())
        .col(uuid("user_id"))
        .col(binary_len("fingerprint", 32))
        .col(big_integer("created_at"))
        .foreign_key(&mut owner);
    create_clustered(manager, &mut table).await?;
    for column in ["user_id", "created_at"] {
        let name = format!("idempotency_keys_by_{column}");
        manager.create_index(Index::create().name(name).table("idempotency_keys").col(column).take()).await?;
    }
    Ok(())
}

async fn outbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut waiting = Table::create();
    waiting.table("outbox").col(big_pk_auto("position")).col(uuid_uniq("id")).col(text("event"));
    manager.create_table(waiting).await?;
    let mut aside = Table::create();
    aside.table("set_aside").col(uuid("id").primary_key()).col(text("event")).col(text("reason"));
    create_clustered(manager, &mut aside).await
}
