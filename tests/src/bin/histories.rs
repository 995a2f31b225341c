//! `./just histories`: has many clients do this and that at the same moment, and checks that some order explains the answers.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use clap::Parser;
use portico_tests::{
    Servers,
    crash::{Findings, Table},
    driven,
    histories::{
        Plan,
        nodes::{self, Cache},
        run,
    },
};
use tokio::runtime::Runtime;

/// Has clients race each other, history after history, and holds every answer against models.
///
/// Clients register, sign in and out, rename, change passwords and addresses, revoke sessions, upload, look at and delete
/// photos, and delete accounts, all at once and all of a few accounts. Afterwards an order of what they did is searched that
/// explains what each was answered. Exit code 1 and the history tell that there is none.
///
/// With --nodes clients of two gateways open, verify and end sessions that two nodes keep in one Redis, while a way between
/// nodes or to Redis is frozen: without the cache of sessions, and then with it.
#[derive(Debug, Parser)]
#[command(name = "histories", version)]
struct Cli {
    /// How many histories there are.
    #[arg(long, default_value_t = 2_000)]
    histories: u32,
    /// So many rounds of sessions over nodes instead, each time with the histories of two users.
    #[arg(long, value_name = "ROUNDS")]
    nodes: Option<usize>,
    /// Decides what clients try; a random one is chosen and told without it.
    #[arg(long)]
    seed: Option<u64>,
    /// The node's binary; without it `PORTICO_TEST_BINARY`, or else the one beside this program.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    println!("seed {seed}: give it as --seed to have clients try the same again");
    let binary = driven(cli.binary);
    let is_right = match cli.nodes {
        Some(rounds) => over_nodes(&binary, seed, rounds),
        None => told("histories", |findings| {
            run(&Plan { binary, seed, histories: cli.histories, talks: true }, findings);
        }),
    };
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn over_nodes(binary: &Path, seed: u64, rounds: usize) -> bool {
    let (runtime, servers) = (Runtime::new().expect("threads can be had"), Servers::own(&nodes::SERVERS));
    let right = [("without a cache", Cache::Off), ("with the cache", Cache::Tracked)].map(|(what, cache)| {
        told(what, |findings| {
            let plan = nodes::Plan { binary: binary.to_owned(), seed, rounds, cache, talks: true };
            let latest = runtime.block_on(nodes::run(&plan, &servers, findings));
            println!(
                "\n{what}, a session was accepted {} ms after its acknowledged end at the latest",
                latest.as_millis()
            );
        })
    });
    right == [true, true]
}

/// Runs it and tells what came of it; answers whether nothing was wrong.
fn told(what: &str, run: impl FnOnce(&Arc<Findings>)) -> bool {
    let (findings, began) = (Arc::<Findings>::default(), Instant::now());
    run(&findings);
    println!("\n{what}, {} s\n{}", began.elapsed().as_secs(), Table(&findings));
    findings.violations().is_empty()
}
