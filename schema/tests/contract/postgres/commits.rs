//! What many writers can do to each other, and what is said of a commit whose answer was lost.

use std::{net::SocketAddr, time::Duration};

use futures_util::FutureExt as _;
use portico_kernel::{Event, Outbox as _, StoreError};
use portico_schema::user::Users;
use portico_user::{Account, Inserted, Store as _, registered};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    photos,
    support::{Opened, execute, settings},
    users,
};
use crate::values::{NOW, account};

async fn register(users: &Users, email: &str) -> Event {
    let account = account(email);
    let event = registered(&account, NOW);
    assert_eq!(users.insert(&account, &event, None).await.unwrap(), Inserted::Kept);
    event
}

#[tokio::test]
async fn an_event_that_was_inserted_first_and_committed_last_is_not_skipped() {
    let Opened { store, database } = users().await;
    let mut other = database.connection().await;
    execute(&mut other, "BEGIN").await;
    let (late, late_event) = (account("late@example.com"), "INSERT INTO outbox (id, event) VALUES ($1, $2)");
    let late = registered(&late, NOW);
    let insert = sea_orm::sqlx::query(late_event).bind(late.id).bind(serde_json::to_string(&late).unwrap());
    insert.execute(&mut other).await.unwrap();

    let early = register(&store, "early@example.com").await;
    let before = store.after(0, 10).await.unwrap();
    execute(&mut other, "COMMIT").await;
    let [(position, first)] = &before[..] else { panic!("{before:?}") };
    let after = store.after(*position, 10).await.unwrap();

    assert_eq!(*first, early);
    assert_eq!(after.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), [late]);
}

#[tokio::test]
async fn a_commit_of_another_node_wakes_whoever_waits_for_one() {
    let Opened { store, database } = users().await;
    let other_node = Users::connect(&database.settings()).await.unwrap();

    while store.committed().now_or_never().is_some() {} // what was committed here before
    let told = register(&other_node, "ann@example.com").await;
    let woken = timeout(Duration::from_secs(30), store.committed()).await;

    assert!(woken.is_ok());
    assert_eq!(store.oldest(10).await.unwrap(), [told]);
}

#[tokio::test]
async fn nodes_that_read_together_give_each_event_one_position() {
    let Opened { store, database } = users().await;
    let other_node = Users::connect(&database.settings()).await.unwrap();
    for number in 0..20 {
        register(&store, &format!("{number}@example.com")).await;
    }

    let (here, there) = tokio::join!(store.after(0, 100), other_node.after(0, 100));

    let (here, there) = (here.unwrap(), there.unwrap());
    assert_eq!(here.len(), 20);
    assert_eq!(here, there);
    assert!(here.is_sorted_by(|(left, _), (right, _)| left < right));
}

#[tokio::test]
async fn transactions_that_lock_each_other_out_are_run_again() {
    let Opened { store, .. } = users().await;
    let batch: Vec<(Account, Event)> = (0..100)
        .map(|number| account(&format!("{number}@example.com")))
        .map(|account| (account.clone(), registered(&account, NOW)))
        .collect();
    let again = batch.iter().rev().map(|(known, _)| account(known.user.email.as_str()));
    let reversed: Vec<_> = again.map(|account| (account.clone(), registered(&account, NOW))).collect();

    let (forwards, backwards) = tokio::join!(store.import(&batch), store.import(&reversed));

    let kept = |outcomes: Result<Vec<_>, StoreError>| {
        outcomes.unwrap().into_iter().filter(|outcome| *outcome == Inserted::Kept).count()
    };
    assert_eq!(kept(forwards) + kept(backwards), 100);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_uncertain_and_is_not_repeated() {
    let Opened { store, database } = users().await;
    let (_, rest) = database.url.split_once('@').unwrap();
    let (server, path) = rest.split_once('/').unwrap();
    let proxy = cut_at_commit(server.parse().unwrap()).await;
    let url = database.url.replace(&format!("{server}/{path}"), &format!("{proxy}/{path}"));
    let cut_off = Users::connect(&settings(&url)).await.unwrap();
    let ann = account("ann@example.com");

    let answer = cut_off.insert(&ann, &registered(&ann, NOW), None).await;

    assert!(matches!(answer, Err(StoreError::Uncertain(_))), "{answer:?}");
    let found = portico_tests::eventually("the commit", || async { store.find(ann.user.id).await.unwrap() }).await;
    assert_eq!(found.user.id, ann.user.id);
    assert_eq!(store.depth().await.unwrap(), 1);
}

/// Carries a connection to the server and loses it when COMMIT has passed, so that its answer never comes.
async fn cut_at_commit(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, TcpStream::connect(server).await.unwrap()));
        }
    });
    address
}

async fn carry(mut client: TcpStream, mut server: TcpStream) {
    let (mut asked, mut answered) = ([0; 16_384], [0; 16_384]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                server.write_all(&asked[..length]).await.unwrap();
                if asked[..length].windows(6).any(|word| word == b"COMMIT") {
                    drop(client);
                    // The server comes to its end in peace.
                    while let Ok(1..) = server.read(&mut answered).await {}
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test]
async fn a_row_that_somebody_holds_is_waited_for_no_longer_than_allowed() {
    let Opened { store, database } = photos().await;
    let photo = crate::values::photo(portico_kernel::UserId::new());
    portico_photo::Store::reserve(&store, photo.owner, photo.id, NOW, 10).await.unwrap();
    let impatient =
        portico_schema::postgres::Settings { statement_timeout: Duration::from_millis(400), ..database.settings() };
    let impatient = portico_schema::photo::Photos::connect(&impatient).await.unwrap();
    let mut other = database.connection().await;
    execute(&mut other, "BEGIN").await;
    execute(&mut other, "SELECT * FROM owners FOR UPDATE").await;

    let refused = portico_photo::Store::reserve(&impatient, photo.owner, photo.id, NOW, 10).await;

    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
