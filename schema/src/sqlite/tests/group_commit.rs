//! Commands that share a transaction.

use std::sync::Arc;

use futures_util::{FutureExt as _, future::join_all};
use tokio::sync::Notify;

use super::*;

#[tokio::test]
async fn one_commands_failure_undoes_it_alone() {
    let (_directory, database) = numbers().await;

    let twice = format!("{}; {}", insertion(50), insertion(1));
    let (first, failed, last) = tokio::join!(insert(&database, 1), execute(&database, twice), insert(&database, 2));

    assert!(matches!(failed, Err(StoreError::Broken(_))));
    assert!(first.is_ok() && last.is_ok());
    assert_eq!(stored(&database).await, [1, 2]);
}

#[tokio::test]
async fn a_command_that_decides_to_roll_back_still_answers() {
    let (_directory, database) = numbers().await;

    let decided = database.write(|tx| {
        Box::pin(async move {
            run(tx, &insertion(50)).await?;
            Err(Rollback::Answer("no"))
        })
    });
    let (decided, neighbour) = tokio::join!(decided, insert(&database, 1));

    assert_eq!(decided.unwrap(), "no");
    neighbour.unwrap();
    assert_eq!(stored(&database).await, [1]);
}

#[tokio::test]
async fn a_panic_undoes_its_command_alone_and_the_writer_goes_on() {
    let (_directory, database) = numbers().await;

    let panics = database.write::<(), _>(|tx| {
        Box::pin(async move {
            run(tx, &insertion(50)).await?;
            panic!("the test said so")
        })
    });
    let (first, panicked, last) = tokio::join!(insert(&database, 1), panics, insert(&database, 2));

    assert!(matches!(panicked, Err(StoreError::Broken(_))));
    assert!(first.is_ok() && last.is_ok());
    insert(&database, 3).await.unwrap();
    assert_eq!(stored(&database).await, [1, 2, 3]);
}

#[tokio::test]
async fn an_answer_waits_for_the_commit_of_its_whole_group() {
    let (_directory, database) = numbers().await;
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut first = Box::pin(insert(&database, 1));
    let (enters, released) = (Arc::clone(&entered), Arc::clone(&release));
    let mut last = Box::pin(database.write(move |_| {
        Box::pin(async move {
            enters.notify_one();
            released.notified().await;
            Ok(())
        })
    }));

    assert!(first.as_mut().now_or_never().is_none() && last.as_mut().now_or_never().is_none());
    entered.notified().await; // so the first has run
    let (answer, seen) = (first.as_mut().now_or_never(), stored(&database).await);
    release.notify_one();

    assert!(answer.is_none() && seen.is_empty());
    first.await.unwrap();
    last.await.unwrap();
    assert_eq!(stored(&database).await, [1]);
}

#[tokio::test]
async fn a_failed_commit_fails_everybody_in_it_and_nobody_after() {
    let (_directory, database) = numbers().await;

    let dangling = execute(&database, "INSERT INTO refs VALUES (99)");
    let (innocent, guilty) = tokio::join!(insert(&database, 1), dangling);

    assert!(matches!(innocent, Err(StoreError::Broken(_))));
    assert!(matches!(guilty, Err(StoreError::Broken(_))));
    assert!(stored(&database).await.is_empty());
    insert(&database, 2).await.unwrap();
    assert_eq!(stored(&database).await, [2]);
}

#[tokio::test]
async fn a_command_whose_caller_has_gone_before_it_began_is_skipped() {
    let (_directory, database) = numbers().await;

    let queued_and_dropped = insert(&database, 1).now_or_never();
    insert(&database, 2).await.unwrap();

    assert!(queued_and_dropped.is_none());
    assert_eq!(stored(&database).await, [2]);
}

#[tokio::test]
async fn more_commands_than_queue_and_group_hold_are_all_answered() {
    let (_directory, database) = numbers().await;

    let answers = join_all((0..2_500).map(|number| insert(&database, number))).await;

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(stored(&database).await, (0..2_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_leaves_one_file() {
    let (directory, database) = numbers().await;

    let (queued, closed) = tokio::join!(insert(&database, 1), database.close());
    let late = insert(&database, 2).await;

    queued.unwrap();
    closed.unwrap();
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
    database.close().await.unwrap();
    let files = std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(files.collect::<Vec<_>>(), ["numbers.db"]);
    assert_eq!(stored(&open(&directory.path().join("numbers.db")).await).await, [1]);
}
