//! Who may make tables, and in which database.

use futures_util::future::try_join_all;
use portico_kernel::StoreError;
use portico_schema::{photo::Photos, user::Users};
use sea_orm::sqlx;

use super::support::{Database, execute};

#[tokio::test]
async fn nodes_that_start_together_migrate_once() {
    let database = Database::new();
    let settings = database.settings();

    let nodes = (0..4).map(|_| async {
        let users = Users::connect(&settings).await.unwrap();
        users.migrate().await
    });
    try_join_all(nodes).await.unwrap();

    let mut connection = database.connection().await;
    let marks: i64 =
        sqlx::query_scalar("SELECT count(*) FROM portico_database").fetch_one(&mut connection).await.unwrap();
    assert_eq!(marks, 1);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let database = Database::new();
    let users = Users::connect(&database.settings()).await.unwrap();
    users.migrate().await.unwrap();
    let mut connection = database.connection().await;
    execute(&mut connection, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)").await;

    let refused = users.migrate().await;

    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
}

#[tokio::test]
async fn a_database_of_another_kind_is_refused_and_left_as_it_is() {
    let database = Database::new();
    Users::connect(&database.settings()).await.unwrap().migrate().await.unwrap();

    let refused = Photos::connect(&database.settings()).await.unwrap().migrate().await.unwrap_err();

    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert_eq!(cause, "this database holds Portico's users, not its photos");
    assert_eq!(tables(&database, "owners").await, 0);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let database = Database::new();
    execute(&mut database.connection().await, "CREATE TABLE customers (id bigint)").await;

    let refused = Users::connect(&database.settings()).await.unwrap().migrate().await.unwrap_err();

    assert!(matches!(refused, StoreError::Broken(_)), "{refused:?}");
    assert_eq!((tables(&database, "users").await, tables(&database, "customers").await), (0, 1));
}

async fn tables(database: &Database, name: &str) -> i64 {
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1";
    sqlx::query_scalar(count).bind(name).fetch_one(&mut database.connection().await).await.unwrap()
}
