//! What is left when the server is killed, stopped or away: a server of the test's own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use portico_kernel::{StoreError, UserId};
use portico_schema::{postgres::Settings, user::Users};
use portico_tests::{Servers, eventually};
use portico_user::{Inserted, Store as _, registered};
use sea_orm::sqlx::{self, postgres::PgConnection};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::support::{Database, execute};
use crate::values::{NOW, account};

/// Longer than anything may hang: acquiring, working and committing, each to its bound, on a busy machine.
const NO_HANG: Duration = Duration::from_secs(30);

async fn opened(servers: &Servers) -> Arc<Users> {
    opened_in(&Database::on(servers), Duration::from_secs(2)).await
}

async fn opened_in(database: &Database, statement_timeout: Duration) -> Arc<Users> {
    let acquire_timeout = Duration::from_secs(1);
    let settings = Settings { acquire_timeout, statement_timeout, ..database.settings() };
    let users = Users::connect(&settings).await.unwrap();
    users.migrate().await.unwrap();
    Arc::new(users)
}

async fn insert(users: &Users, email: &str) -> Result<(UserId, Inserted), StoreError> {
    let account = account(email);
    let inserted = timeout(NO_HANG, users.insert(&account, &registered(&account, NOW), None)).await;
    inserted.expect("no command hangs").map(|inserted| (account.user.id, inserted))
}

/// What a crowd of clients was told, until it is stopped.
struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    kept: Vec<UserId>,
    refused: usize,
    strange: Vec<StoreError>,
}

impl Load {
    fn start(users: &Arc<Users>) -> Self {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Told::default())));
        let mut clients = JoinSet::new();
        for client in 0..4 {
            let (users, stop, told) = (Arc::clone(users), Arc::clone(&stop), Arc::clone(&told));
            clients.spawn(async move {
                for number in 0..100_000 {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let answer = insert(&users, &format!("{client}-{number}@example.com")).await;
                    let mut told = told.lock().unwrap();
                    match answer {
                        Ok((id, Inserted::Kept)) => told.kept.push(id),
                        Err(StoreError::Unavailable(_) | StoreError::Uncertain(_)) => told.refused += 1,
                        Ok((_, other)) => panic!("{other:?}"),
                        Err(error) => told.strange.push(error),
                    }
                }
            });
        }
        Self { stop, clients, told }
    }

    fn kept(&self) -> usize {
        self.told.lock().unwrap().kept.len()
    }

    /// Waits until more was kept than until now.
    async fn goes_on(&self) {
        let before = self.kept();
        eventually("a registration", || std::future::ready((self.kept() > before + 20).then_some(()))).await;
    }

    async fn stop(mut self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

#[tokio::test]
async fn a_server_that_is_killed_under_load_loses_nothing_acknowledged_and_heals() {
    let servers = Servers::own(&["postgres"]);
    let users = opened(&servers).await;
    let load = Load::start(&users);
    load.goes_on().await;

    for _ in 0..3 {
        servers.kill("postgres");
        servers.up("postgres");
        load.goes_on().await;
    }

    let told = load.stop().await;
    assert!(told.strange.is_empty(), "{:?}", told.strange);
    for id in &told.kept {
        assert!(users.find(*id).await.unwrap().is_some(), "{id} was acknowledged");
    }
}

#[tokio::test]
async fn a_server_that_is_stopped_hangs_nobody_and_goes_on_where_it_was() {
    let servers = Servers::own(&["postgres"]);
    let users = opened(&servers).await;
    insert(&users, "ann@example.com").await.unwrap();

    servers.pause("postgres");
    let written = insert(&users, "bob@example.com").await;
    let read = timeout(NO_HANG, users.find(UserId::new())).await.expect("no query hangs");
    servers.resume("postgres");

    assert!(matches!(written, Err(StoreError::Unavailable(_) | StoreError::Uncertain(_))), "{written:?}");
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    eventually("an answer", || async { insert(&users, "eve@example.com").await.ok() }).await;
}

#[tokio::test]
async fn a_server_that_is_stopped_in_the_middle_of_statements_hangs_nobody() {
    let servers = Servers::own(&["postgres"]);
    let database = Database::on(&servers);
    let users = opened_in(&database, Duration::from_secs(6)).await;
    let mut other = database.connection().await;
    execute(&mut other, "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await;
    let (writes, reads) = (Arc::clone(&users), Arc::clone(&users));
    let written = tokio::spawn(async move { insert(&writes, "ann@example.com").await });
    let read = tokio::spawn(async move { timeout(NO_HANG, reads.find(UserId::new())).await });
    timeout(NO_HANG, both_wait(&mut database.connection().await)).await.expect("both wait");

    servers.pause("postgres");
    let (written, read) = (written.await.unwrap(), read.await.unwrap());
    servers.resume("postgres");

    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    assert!(matches!(read, Ok(Err(StoreError::Unavailable(_)))), "{read:?}");
}

/// Returns once two statements wait for a lock.
async fn both_wait(connection: &mut PgConnection) {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'portico' AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(query).fetch_one(&mut *connection).await.unwrap() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn connections_that_were_lost_while_nobody_used_them_fail_no_command() {
    let servers = Servers::own(&["postgres"]); // where no other test has connections to lose
    let database = Database::on(&servers);
    let users = opened_in(&database, Duration::from_secs(6)).await;
    insert(&users, "ann@example.com").await.unwrap();

    let mut other = database.connection().await;
    execute(
        &mut other,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'portico' AND state = 'idle'",
    )
    .await;

    insert(&users, "bob@example.com").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let servers = Servers::own(&["postgres"]);
    let users = opened(&servers).await;

    servers.kill("postgres");
    let (written, read, ready) =
        (insert(&users, "ann@example.com").await, users.find(UserId::new()).await, users.check().await);

    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    assert!(matches!((read, ready), (Err(StoreError::Unavailable(_)), Err(StoreError::Unavailable(_)))));
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_by_a_few_and_the_others_hear_so_at_once() {
    let servers = Servers::own(&["postgres"]);
    let users = opened(&servers).await;
    servers.kill("postgres");
    crowd(&users).await;

    let waited = crowd(&users).await;

    let (at_once, tried) = waited.split_at(CROWD - FEW);
    assert!(at_once[at_once.len() - 1] < tried[0] / 2, "{waited:?}");
    servers.up("postgres");
    eventually("an answer", || async { users.find(UserId::new()).await.ok() }).await;
}

/// How many ask at once.
const CROWD: usize = 20;
/// How many of them try to open a connection.
const FEW: usize = 4;

/// How long each of a crowd waited in vain, who read and write in turns; the shortest first.
async fn crowd(users: &Users) -> Vec<Duration> {
    let asked = (0..CROWD).map(|number| async move {
        let began = Instant::now();
        let answer = if number % 2 == 0 {
            users.find(UserId::new()).await.map(drop)
        } else {
            insert(users, &format!("{number}@example.com")).await.map(drop)
        };
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        began.elapsed()
    });
    let mut waited = join_all(asked).await;
    waited.sort_unstable();
    waited
}

#[tokio::test]
async fn a_server_whose_disk_is_full_keeps_nothing_and_says_so() {
    let database = Database::new();
    let users = opened_in(&database, Duration::from_secs(20)).await;
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN RAISE disk_full; END';
        CREATE TRIGGER full_disk BEFORE INSERT ON users EXECUTE FUNCTION full_disk()";
    execute(&mut database.connection().await, full).await;

    let refused = insert(&users, "ann@example.com").await;

    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
}
