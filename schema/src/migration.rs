//! What the migrations of every database share.

use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::{SchemaManager, sea_query::TableCreateStatement};

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
