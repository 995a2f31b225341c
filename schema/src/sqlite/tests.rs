//! Group commit, healing, and which files are opened. On a runtime of one thread, commands that are submitted together
//! run in one transaction: the writer's task gets its turn only when all of them wait.

mod files;
mod group_commit;
mod healing;

use std::path::Path;

use portico_kernel::StoreError;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, FromQueryResult, Statement};
use tempfile::TempDir;

use super::{Kind, mark};
use crate::database::{Database, Rollback};

/// A database with a table of numbers, and a table of references to them that is checked at the commit.
async fn numbers() -> (TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory.path().join("numbers.db")).await;
    for table in [
        "CREATE TABLE numbers (number INTEGER PRIMARY KEY)",
        "CREATE TABLE refs (number INTEGER REFERENCES numbers (number) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TABLE bytes (content BLOB)",
    ] {
        execute(&database, table).await.unwrap();
    }
    // As a migration ends: else it would be another program's when it is opened again.
    database.write(|tx| Box::pin(async move { mark(tx, Kind::Users).await.map_err(Rollback::Failed) })).await.unwrap();
    (directory, database)
}

async fn open(path: &Path) -> Database {
    Database::sqlite(path, Kind::Users).await.unwrap()
}

/// One command of one statement.
async fn execute(database: &Database, sql: impl Into<String>) -> Result<(), StoreError> {
    let sql = sql.into();
    database.write(move |tx| Box::pin(async move { run(tx, &sql).await.map_err(Rollback::Failed) })).await
}

async fn insert(database: &Database, number: i64) -> Result<(), StoreError> {
    execute(database, insertion(number)).await
}

fn insertion(number: i64) -> String {
    format!("INSERT INTO numbers VALUES ({number})")
}

async fn run(tx: &DatabaseTransaction, sql: &str) -> Result<(), DbErr> {
    tx.execute_unprepared(sql).await.map(drop)
}

/// What whoever reads now sees.
async fn stored(database: &Database) -> Vec<i64> {
    #[derive(FromQueryResult)]
    struct Row {
        number: i64,
    }
    let reader = database.read();
    let query = Statement::from_string(reader.get_database_backend(), "SELECT number FROM numbers ORDER BY number");
    Row::find_by_statement(query).all(reader).await.unwrap().into_iter().map(|row| row.number).collect()
}
