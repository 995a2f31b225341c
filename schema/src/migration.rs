//! What the migrations of every database share.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, sea_query::TableCreateStatement};

/// What a step does to a database.
type Up = for<'m> fn(&'m SchemaManager<'m>) -> BoxFuture<'m, Result<(), DbErr>>;

/// A step of a database's migrations: its name, which stays for good, and what it does.
pub(crate) fn step(name: &'static str, up: Up) -> Box<dyn MigrationTrait> {
    Box::new(Step { name, up })
}

struct Step {
    name: &'static str,
    up: Up,
}

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        self.name
    }
}

#[async_trait]
#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature elides it, and async_trait tells the two apart"
)]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        (self.up)(manager).await
    }
}

/// Creates a table whose rows lie in the order of its primary key.
///
/// In SQLite that is `WITHOUT ROWID`: a key that is no integer would otherwise be an index beside the table, written
/// and read in addition to it. PostgreSQL has no such choice.
pub(crate) async fn create_clustered(
    manager: &SchemaManager<'_>,
    table: &mut TableCreateStatement,
) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    manager.create_table(table.to_owned()).await
}
