//! What comes back by itself after the disk or the database refused.

use super::*;

#[tokio::test]
async fn a_full_disk_is_called_full_and_room_heals_it() {
    let (_directory, database) = numbers().await;
    execute(&database, "PRAGMA max_page_count = 1").await.unwrap(); // no page more than there are

    let too_much = execute(&database, "INSERT INTO bytes VALUES (zeroblob(1000000))");
    let (before, full, after) = tokio::join!(insert(&database, 1), too_much, insert(&database, 2));
    execute(&database, "PRAGMA max_page_count = 1000000").await.unwrap();
    insert(&database, 3).await.unwrap();

    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    // SQLite may end the whole transaction; an answer says what became of its command all the same.
    let kept = stored(&database).await;
    assert_eq!((kept.contains(&1), kept.contains(&2)), (before.is_ok(), after.is_ok()));
    assert!(kept.contains(&3));
}

#[tokio::test]
async fn a_database_that_may_not_be_written_is_unavailable_and_still_read() {
    let (_directory, database) = numbers().await;
    insert(&database, 1).await.unwrap();

    execute(&database, "PRAGMA query_only = ON").await.unwrap();
    let refused = insert(&database, 2).await;
    let seen = stored(&database).await;
    execute(&database, "PRAGMA query_only = OFF").await.unwrap();

    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(seen, [1]);
    insert(&database, 2).await.unwrap();
    assert_eq!(stored(&database).await, [1, 2]);
}

#[tokio::test]
async fn a_transaction_that_a_command_ended_fails_its_group_and_leaves_the_rest() {
    let (_directory, database) = numbers().await;

    let ends = execute(&database, "ROLLBACK");
    let (before, ended, after) = tokio::join!(insert(&database, 1), ends, insert(&database, 2));

    assert!(matches!(before, Err(StoreError::Broken(_))));
    assert!(matches!(ended, Err(StoreError::Broken(_))));
    after.unwrap();
    assert_eq!(stored(&database).await, [2]);
}

#[tokio::test]
async fn a_reader_can_change_nothing() {
    let (_directory, database) = numbers().await;

    let refused = database.read().execute_unprepared(&insertion(1)).await;

    assert!(refused.is_err());
    assert!(stored(&database).await.is_empty());
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash() {
    let (directory, database) = numbers().await;
    insert(&database, 1).await.unwrap();

    // What a killed process leaves: the files as they are, with a log that nobody moved into the database.
    let left = tempfile::tempdir().unwrap();
    for file in ["numbers.db", "numbers.db-wal"] {
        std::fs::copy(directory.path().join(file), left.path().join(file)).unwrap();
    }

    assert_eq!(stored(&open(&left.path().join("numbers.db")).await).await, [1]);
}
