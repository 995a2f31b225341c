//! How the user database came to be, step by step. A step that was released is never edited.

use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, SchemaManager,
    prelude::{ForeignKey, ForeignKeyAction, Index, Table},
    schema::{
        big_integer, big_integer_null, big_pk_auto, binary_len, string_len, string_len_null, string_len_uniq, text,
        uuid, uuid_null, uuid_uniq,
    },
};

use super::positions;
use crate::{lease, migration::create_clustered, probe, transfer::marks};

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(First),
            Box::new(OneTimePasswords),
            Box::new(OutboxColumns),
            Box::new(OutboxPositions),
            Box::new(Leases),
            Box::new(Imports),
        ]
    }
}

/// Accounts, the outbox, and idempotency keys.
struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

#[async_trait]
#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature elides it, and async_trait tells the two apart"
)]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        probe::create_table(manager).await?;
        users(manager).await?;
        idempotency_keys(manager).await?;
        outbox(manager).await
    }
}

/// Passwords that sign in once. Those that are there are none.
struct OneTimePasswords;

impl MigrationName for OneTimePasswords {
    fn name(&self) -> &'static str {
        "m0002_one_time_passwords"
    }
}

#[async_trait]
#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature elides it, and async_trait tells the two apart"
)]
impl MigrationTrait for OneTimePasswords {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["one_time_expires_at", "one_time_used_at"] {
            // SQLite adds one column at a time.
            let added = Table::alter().table("users").add_column(big_integer_null(column)).take();
            manager.alter_table(added).await?;
        }
        Ok(())
    }
}

/// What an event must not lose with its text. Events that wait already have none of it.
struct OutboxColumns;

impl MigrationName for OutboxColumns {
    fn name(&self) -> &'static str {
        "m0003_outbox_columns"
    }
}

#[async_trait]
#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature elides it, and async_trait tells the two apart"
)]
impl MigrationTrait for OutboxColumns {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns =
            [string_len_null("kind", 64), uuid_null("user_id"), big_integer_null("version"), big_integer_null("epoch")];
        for column in columns {
            manager.alter_table(Table::alter().table("outbox").add_column(column).take()).await?;
        }
        Ok(())
    }
}

/// Positions that rise as commits do, where there are many writers.
struct OutboxPositions;

impl MigrationName for OutboxPositions {
    fn name(&self) -> &'static str {
        "m0004_outbox_positions"
    }
}

#[async_trait]
#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature elides it, and async_trait tells the two apart"
)]
impl MigrationTrait for OutboxPositions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        positions::create(manager).await
    }
}

/// Who carries the events, where several processes could.
struct Leases;

impl MigrationName for Leases {
    fn name(&self) -> &'static str {
        "m0005_leases"
    }
}

#[async_trait]
#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature elides it, and async_trait tells the two apart"
)]
impl MigrationTrait for Leases {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        lease::create(manager).await
    }
}

/// How far an import has come.
struct Imports;

impl MigrationName for Imports {
    fn name(&self) -> &'static str {
        "m0006_imports"
    }
}

#[async_trait]
#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature elides it, and async_trait tells the two apart"
)]
impl MigrationTrait for Imports {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        marks::create_table(manager).await
    }
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
