//! `./just bench`: measures, prints a table, writes the results, and fails when a floor is missed.

use std::{env, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use portico_bench::{
    figure::Figure,
    figures::{self, Group},
    reference, report,
    run::{Failure, Options, Run},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // the node's own, so that references have it too

/// Measures Portico against references of the same run, and judges the ratios by their floors.
///
/// The load generator runs on one core and the server under test on another. Close everything else that works: the
/// ratios bear a slow machine, not a busy one. Results go to a file as a list of figures; the exit code is 1 when a floor
/// is missed.
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Cli {
    /// Figures to measure, by name; all by default
    names: Vec<String>,
    /// A few seconds in all, to see that everything works; the figures mean little
    #[arg(long)]
    short: bool,
    /// How many times subject and reference take turns
    #[arg(long, default_value_t = 5, value_name = "N")]
    repeats: usize,
    /// Where the results are written
    #[arg(long, default_value = "bench/results/latest.json", value_name = "FILE")]
    out: PathBuf,
    /// The node to measure; by default the one that was built beside this program
    #[arg(long, value_name = "FILE")]
    node: Option<PathBuf>,
    /// Record with perf where the node's CPU goes, and write the stacks to target/profile
    #[arg(long)]
    profile: bool,
    /// Print the names of all figures and end
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a canned answer: the bare handler that hot requests are compared with
    #[command(hide = true)]
    Reference {
        /// The answer as JSON
        canned: String,
    },
    /// Answers gRPC calls: what nodes that ask each other are compared with
    #[cfg(feature = "distributed")]
    #[command(hide = true)]
    Calls {
        /// With so many bytes
        answer: usize,
    },
    /// Serves a canned answer once calls were answered
    #[cfg(feature = "distributed")]
    #[command(hide = true)]
    Relay {
        /// The answer and the calls as JSON
        relayed: String,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether every floor was kept.
fn run(cli: Cli) -> Result<bool, Failure> {
    if let Some(reference) = cli.command {
        return serve(reference).map(|()| true);
    }
    if cli.list {
        figures::ALL.iter().flat_map(|group| group.names).for_each(|name| println!("{name}"));
        return Ok(true);
    }
    let groups = figures::chosen(&cli.names)?;
    let bench = env::current_exe()?;
    let node = cli.node.unwrap_or_else(|| bench.with_file_name("portico"));
    let repeats = if cli.short { 1 } else { cli.repeats };
    let run = Run::new(Options { short: cli.short, repeats, profile: cli.profile }, &node, bench)?;
    let figures = measure(&run, &groups)?;
    println!("\n{}", report::table(&figures));
    report::write(&figures, &cli.out)?;
    let missed: Vec<_> = figures.iter().filter(|figure| !figure.pass).map(|figure| figure.name.as_str()).collect();
    match missed.as_slice() {
        [] => println!("every floor is kept; results in {}", cli.out.display()),
        _ => println!("missed: {}; results in {}", missed.join(", "), cli.out.display()),
    }
    Ok(missed.is_empty())
}

/// Is what something is measured against, until the process is killed.
fn serve(reference: Command) -> Result<(), Failure> {
    match reference {
        Command::Reference { canned } => reference::serve(serde_json::from_str(&canned).map_err(Failure::said)?)?,
        #[cfg(feature = "distributed")]
        Command::Calls { answer } => reference::calls::serve(answer)?,
        #[cfg(feature = "distributed")]
        Command::Relay { relayed } => {
            reference::calls::relay(serde_json::from_str(&relayed).map_err(Failure::said)?)?;
        }
    }
    Ok(())
}

fn measure(run: &Run, groups: &[&Group]) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        eprintln!("[{}/{}] {}", number + 1, groups.len(), group.names.join(", "));
        figures.extend((group.measure)(run)?);
    }
    Ok(figures)
}
