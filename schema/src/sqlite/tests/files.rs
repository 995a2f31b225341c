//! Which files are opened, and which are refused untouched.

use std::fs;

use super::*;
use crate::{sqlite::writing, user::Users};

fn refusal(opened: Result<Database, StoreError>) -> String {
    match opened {
        Err(StoreError::Broken(source)) => source.to_string(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.db");
    let content = b"Dear diary, ".repeat(1_000);
    fs::write(&path, &content).unwrap();

    let refused = refusal(Database::sqlite(&path, Kind::Users).await);

    assert!(refused.contains("user.db"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), content);
}

#[tokio::test]
async fn a_database_that_was_cut_short_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.db");
    let users = Users::open(&path).await.unwrap();
    users.migrate().await.unwrap();
    users.close().await.unwrap();
    let content = fs::read(&path).unwrap();
    fs::write(&path, &content[..3_000]).unwrap();

    let refused = refusal(Database::sqlite(&path, Kind::Users).await);

    assert!(refused.contains("user.db"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), content[..3_000]);
}

#[tokio::test]
async fn another_domains_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.db");
    let users = Users::open(&path).await.unwrap();
    users.migrate().await.unwrap();
    users.close().await.unwrap();

    let refused = refusal(Database::sqlite(&path, Kind::Photos).await);

    assert!(refused.contains("Photos"), "{refused}");
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.db");
    let theirs = writing(&path).await.unwrap();
    theirs.execute_unprepared("CREATE TABLE theirs (id INTEGER)").await.unwrap();
    theirs.close().await.unwrap();
    let before = fs::read(&path).unwrap();

    let refused = refusal(Database::sqlite(&path, Kind::Users).await);

    assert!(refused.contains("user.db"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();

    let opened = Database::sqlite(&directory.path().join("none/user.db"), Kind::Users).await;

    assert!(matches!(opened.err(), Some(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn migrations_may_be_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let users = Users::open(&directory.path().join("user.db")).await.unwrap();

    let (first, second) = tokio::join!(users.migrate(), users.migrate());

    first.unwrap();
    second.unwrap();
    users.migrate().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.db");
    let users = Users::open(&path).await.unwrap();
    users.migrate().await.unwrap();
    users.close().await.unwrap();
    let newer = open(&path).await;
    execute(&newer, "INSERT INTO seaql_migrations VALUES ('m9999_newer', 0)").await.unwrap();
    newer.close().await.unwrap();

    let refused = Users::open(&path).await.unwrap().migrate().await;

    assert!(matches!(refused, Err(StoreError::Broken(source)) if source.to_string().contains("m9999_newer")));
}
