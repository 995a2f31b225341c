//! `./just histories`: has many clients do this and that at the same moment, and checks that some order explains the answers.

use std::{env, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use clap::Parser;
use portico_tests::{
    crash::{Findings, Table},
    histories::{Plan, run},
};

/// Has clients race each other, history after history, and holds every answer against models.
///
/// Clients register, sign in and out, rename, change passwords and addresses, revoke sessions, upload, look at and delete
/// photos, and delete accounts, all at once and all of a few accounts. Afterwards an order of what they did is searched that
/// explains what each was answered. Exit code 1 and the history tell that there is none.
#[derive(Debug, Parser)]
#[command(name = "histories", version)]
struct Cli {
    /// How many histories there are.
    #[arg(long, default_value_t = 2_000)]
    histories: u32,
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
    let binary = cli.binary.or_else(named).unwrap_or_else(beside);
    let (findings, began) = (Arc::<Findings>::default(), Instant::now());

    run(&Plan { binary, seed, histories: cli.histories, talks: true }, &findings);

    println!("\nhistories, {} s\n{}", began.elapsed().as_secs(), Table(&findings));
    if findings.violations().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn named() -> Option<PathBuf> {
    env::var_os("PORTICO_TEST_BINARY").map(PathBuf::from)
}

fn beside() -> PathBuf {
    env::current_exe().expect("the system knows this executable").with_file_name("portico")
}
