//! `register_durable`: registrations that are on the disk, against one synced SQLite transaction for each row.
//!
//! A registration is more than a row: an account with its event, and a session in another database, each of them synced
//! before the answer. It wins where many of them share one sync, and only where a sync takes time.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr};

use super::shared::RATE_LIMITS_NOTE;
use crate::{
    accounts::registration,
    cores::on_core,
    figure::{Direction, Figure},
    load::{self, Pace, Plan},
    run::{Failure, Run},
    statistics::Repeats,
};

/// Clients at the same time, on both sides.
const CLIENTS: usize = 64;
/// How long one side is measured before the other one's turn.
const WINDOW: Duration = Duration::from_secs(4);
/// More registrations than fit into a window.
const REGISTRATIONS: usize = 60_000;
/// Syncs that are timed.
const SYNCS: usize = 200;
/// Where a sync is faster than this there is little to share.
const SLOW_SYNC: Duration = Duration::from_millis(1);
const NAME: &str = "register_durable";
const REFERENCE: &str = "one synced SQLite transaction (WAL) for each row, from as many clients";

/// Measures it.
///
/// # Errors
/// The node or the database fails, or a registration is refused.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let sync = sync_time(&run.directory("sync")?)?;
    let (mut ours, mut bare) = (Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        bare.add(bare_rows_per_s(run)?);
        ours.add(registrations_per_s(run)?);
        run.progress(format!("{NAME} {}: {:.0} against {:.0} a second", repeat + 1, ours.last(), bare.last()));
    }
    let reference = (REFERENCE, bare.median());
    let figure = if sync >= SLOW_SYNC {
        Figure::at_least(NAME, "registrations/s", ours.median(), reference, 3.0)
    } else {
        Figure::reported(NAME, "registrations/s", ours.median(), reference, Direction::AtLeast)
            .note("a sync is too fast here for the floor of 3 to tell anything: it is reported only")
    };
    Ok(vec![
        figure
            .note(format!("4 KiB written and synced: {:.3} ms at the median of {SYNCS}", sync.as_secs_f64() * 1e3))
            .note("a registration is an account with its event in one database and a session in another, both synced")
            .note("hashing is made trivial: user.password.argon2 at m=8 KiB t=1 p=1, the least that is allowed")
            .note(RATE_LIMITS_NOTE)
            .note(format!("{CLIENTS} clients in a closed loop; server and generator have a core each"))
            .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), bare.spread())),
    ])
}

/// What it takes to write a page and have it on the disk.
fn sync_time(directory: &Path) -> Result<Duration, Failure> {
    let mut file = File::create(directory.join("file")).map_err(Failure::io("a file cannot be made"))?;
    let mut times = load::Sample::default();
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.add(began.elapsed());
    }
    Ok(times.quantile(0.5))
}

/// Registrations a second of a new node.
fn registrations_per_s(run: &Run) -> Result<f64, Failure> {
    let launch = run.node("register")?.unlimited().pinned(run.cores.server());
    let least = [("memory_kib", 8), ("iterations", 1), ("parallelism", 1)];
    let launch = least
        .into_iter()
        .fold(launch, |launch, (key, value)| launch.set(&format!("user.password.argon2.{key}"), value));
    let node = launch.start()?;
    let plan = Plan {
        server: node.gateway,
        requests: (0..run.count(REGISTRATIONS, 2_000)).map(|n| registration(&format!("client{n}"))).collect(),
        once: true,
        pace: Pace::Closed,
        connections: CLIENTS,
        window: run.window(WINDOW),
    };
    let outcome = load::run(Some(run.cores.generator()), &[plan])?.swap_remove(0);
    if !outcome.is_only(201) {
        return Err(Failure::said(format!("only 201 was expected of /reg: {}", outcome.describe())));
    }
    Ok(outcome.rate(201))
}

/// Rows a second of a bare database, on the core that the server has in its turn.
fn bare_rows_per_s(run: &Run) -> Result<f64, Failure> {
    let path = run.directory("rows")?.join("rows.db");
    let window = run.window(WINDOW);
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(insert_for(&path, window)).map_err(Failure::said)
    };
    on_core(run.cores.server(), work).map_err(Failure::io("the server's core is refused"))?
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
async fn insert_for(path: &Path, window: Duration) -> Result<f64, DbErr> {
    // One connection: SQLite has one writer, and waiting for it in a queue costs less than being told to come again.
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
    options.max_connections(1).sqlx_logging(false);
    let database = Database::connect(options).await?;
    for statement in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, hash TEXT NOT NULL)",
    ] {
        database.execute_unprepared(statement).await?;
    }
    let began = Instant::now();
    let until = began + window;
    let counts = join_all((0..CLIENTS).map(|client| insert_until(&database, client, until))).await;
    let count = counts.into_iter().sum::<Result<usize, _>>()?;
    let lasted = began.elapsed();
    database.close().await?;
    Ok(count as f64 / lasted.as_secs_f64())
}

/// One client: a row, a transaction, a sync, and again.
async fn insert_until(database: &DatabaseConnection, client: usize, until: Instant) -> Result<usize, DbErr> {
    let mut count = 0;
    while Instant::now() < until {
        let row = format!("('Ann', 'client{client}-{count}@example.com', '{}')", "h".repeat(96));
        database.execute_unprepared(&format!("INSERT INTO users (name, email, hash) VALUES {row}")).await?;
        count += 1;
    }
    Ok(count)
}
