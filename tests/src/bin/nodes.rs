//! `./just nodes`: restarts and kills nodes of many, and slows and cuts the ways between them, under load.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use portico_tests::{
    crash::{
        Findings, Plan, Table,
        nodes::{Troubles, run},
        write,
    },
    driven,
};

/// Accounts that clients begin with: more than calls are in flight, however late answers are.
const ACCOUNTS: usize = 160;
/// No call may fail that is sent so long after a trouble began, or was over.
const RECOVERY_MAX: Duration = Duration::from_secs(3);

/// Restarts and kills nodes of many under load, and holds them to their promises.
///
/// Two nodes of each role (gateway, user, session, photo), which know each other by certificates, run over PostgreSQL, Redis,
/// RabbitMQ and S3. Clients register, sign in and out, verify sessions, look at accounts, change names, upload, read and delete
/// photos and delete accounts, by both gateways in turn, at a fixed schedule. Then every node is restarted, one after the other: no
/// call may fail. Then nodes are killed at random, and ways between nodes are slow, cut or frozen: calls may be answered by 503 and
/// 504, and those of a gateway that is killed by nothing, but none later than a request's deadline, and none that was sent three
/// seconds after the trouble began or ended. All that was acknowledged is there at the end. Exit code 1 and a list tell what does
/// not hold.
///
/// Clients honour `Connection: close`. A call whose connection is refused is made by the other gateway, and one that finds its kept
/// connection closed before anything was sent by a new one; no other is made twice.
#[derive(Debug, Parser)]
#[command(name = "nodes", version)]
struct Cli {
    /// Calls a second.
    #[arg(long, default_value_t = 200, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Nodes are restarted, one after the other, until so many calls have been made; 0 for no restarts.
    #[arg(long, default_value_t = 100_000, value_name = "CALLS")]
    restarts: usize,
    /// For how long nodes are killed at random; 0 for no kills.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    kills_s: u64,
    /// How many ways between nodes are slow, cut or frozen, one after the other.
    #[arg(long, default_value_t = 32)]
    ways: usize,
    /// For how long each.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    way_s: u64,
    /// A document that the table is written to, in the place of the one that it has.
    #[arg(long, value_name = "PATH")]
    write: Option<PathBuf>,
    /// Decides what clients do and what befalls whom; a random one is chosen and told without it.
    #[arg(long)]
    seed: Option<u64>,
    /// The nodes' binary; without it `PORTICO_TEST_BINARY`, or else the one beside this program.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    println!("seed {seed}: give it as --seed to have the same happen again");
    let binary = driven(cli.binary);
    let plan = Plan { binary, seed, operations_max: 0, talks: true, servers: None };
    let troubles = Troubles {
        rate_per_s: cli.rate,
        accounts: ACCOUNTS,
        calls: cli.restarts,
        kills: Duration::from_secs(cli.kills_s),
        ways: cli.ways,
        lasting: Duration::from_secs(cli.way_s),
        recovery_max: RECOVERY_MAX,
    };
    let (findings, began) = (Arc::<Findings>::default(), Instant::now());

    let report = run(&plan, &troubles, &findings).await;

    println!("\nnodes, {} s\n{}\n\n{report}", began.elapsed().as_secs(), Table(&findings));
    if let Some(document) = cli.write
        && let Err(error) = write(&document, "nodes", &report.to_string())
    {
        eprintln!("nodes: {}: {error}", document.display());
        return ExitCode::from(74);
    }
    let kept = findings.violations().is_empty() && report.events.iter().all(|event| event.broken().is_empty());
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
