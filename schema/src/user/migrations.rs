//! How the user database came to be, step by step. A step that was released is never edited.

use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, SchemaManager,
    prelude::{ForeignKey, ForeignKeyAction, Index, Table},
    schema::{big_integer, big_pk_auto?, binary_len, string_len, text, uuid, uuid_uniq},
};

use crate::{migration::create_clustered, probe};
