//! `./just faults`: cuts a node off from each server that it depends on, in every way, under load, and tells what came of it.

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
        faults::{Cuts, Fault, Server, run},
        write,
    },
    driven,
};

/// Accounts that clients begin with: enough for a cut in which nothing is answered before its deadline.
const ACCOUNTS: usize = 160;

/// Cuts a node off from its servers, one after the other, and holds it to its promises.
///
/// Clients register, sign in and out, verify sessions, look at accounts, upload, read and delete photos and delete accounts,
/// at a fixed schedule. Meanwhile a server is killed, restarted, away, stopped or slow. No answer may be late, wrong or 500,
/// each 503 says when to come again, readiness names what is away, everything works within five seconds of its return, and
/// all that was acknowledged is there at the end. Exit code 1 and a list tell what does not hold.
#[derive(Debug, Parser)]
#[command(name = "faults", version)]
struct Cli {
    /// How long a cut lasts.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    cut_s: u64,
    /// The servers that are cut, separated by commas; all of them run.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Server::ALL)]
    servers: Vec<Server>,
    /// What befalls them, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Fault::ALL)]
    faults: Vec<Fault>,
    /// A document that the table is written to, in the place of the one that it has.
    #[arg(long, value_name = "PATH")]
    write: Option<PathBuf>,
    /// Decides what clients do; a random one is chosen and told without it.
    #[arg(long)]
    seed: Option<u64>,
    /// The node's binary; without it `PORTICO_TEST_BINARY`, or else the one beside this program.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    println!("seed {seed}: give it as --seed to have clients do the same again");
    let binary = driven(cli.binary);
    let plan = Plan { binary, seed, operations_max: 0, talks: true, servers: None };
    let lasting = Duration::from_secs(cli.cut_s);
    let cuts = Cuts { servers: cli.servers, faults: cli.faults, lasting, accounts: ACCOUNTS };
    let (findings, began) = (Arc::<Findings>::default(), Instant::now());

    let report = run(&plan, &cuts, &findings).await;

    println!("\nfaults, {} s\n{}\n\n{report}", began.elapsed().as_secs(), Table(&findings));
    if let Some(document) = cli.write
        && let Err(error) = write(&document, "faults", &report.to_string())
    {
        eprintln!("faults: {}: {error}", document.display());
        return ExitCode::from(74);
    }
    let kept = findings.violations().is_empty() && report.rows.iter().all(|row| row.broken().is_empty());
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
