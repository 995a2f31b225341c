//! `./just crash`: kills a node, cuts its power and crashes its actors, again and again, and checks that nothing
//! acknowledged was lost.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use clap::{Parser, ValueEnum};
use portico_tests::{
    Servers, beside,
    crash::{Findings, Plan, Table, kills, panics, power},
    driven,
};

/// The most operations that are acknowledged between two kills: on two cores, as many as keep a round below a second.
const OPERATIONS_MAX: u64 = 120;

/// What only a test build holds.
const HOOK: &[u8] = b"PORTICO_CHAOS";

/// Crashes Portico under mixed load and holds it to what it acknowledged.
///
/// Clients register, sign in and out, revoke sessions, change passwords, upload and delete photos and delete accounts, and
/// write down what was acknowledged. It is held against the API, the databases, the files and the log after each kill, and
/// all of it at the end. Exit code 1 and a list tell what does not hold.
#[derive(Debug, Parser)]
#[command(name = "crash", version)]
struct Cli {
    /// What is crashed.
    #[arg(long, value_enum, default_value_t = Mode::All)]
    mode: Mode,
    /// How often the process is killed (SIGKILL): under load, while it starts, while it stops.
    #[arg(long, default_value_t = 300)]
    kills: usize,
    /// How often an actor is crashed by an injected panic, in a process that runs on.
    #[arg(long, default_value_t = 10_000)]
    restarts: u64,
    /// How often the power is cut: what was not synced is lost, at an acknowledgement or anywhere. Wants `strace`.
    #[arg(long, default_value_t = 100)]
    cuts: usize,
    /// Real servers that keep what the killed node keeps, separated by commas: postgres, redis, s3, rabbitmq (which carries
    /// events) and kafka (which carries log records). They are started for this run. Nothing but kills is done then.
    #[arg(long, value_delimiter = ',', value_parser = ["postgres", "redis", "s3", "rabbitmq", "kafka"])]
    stores: Vec<String>,
    /// Decides what clients do and when the node is killed; a random one is chosen and told without it.
    #[arg(long)]
    seed: Option<u64>,
    /// The binary whose process is killed; without it `PORTICO_TEST_BINARY`, or else the one beside this program.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// The test build whose actors are crashed; the one beside this program without it.
    #[arg(long, value_name = "PATH")]
    test_build: Option<PathBuf>,
}

impl Cli {
    /// What is crashed: a disk's model and a test build's crashes are of the data directory alone.
    fn mode(&self) -> Option<Mode> {
        match self.mode {
            mode if self.stores.is_empty() => Some(mode),
            Mode::Kills | Mode::All => Some(Mode::Kills),
            Mode::Power | Mode::Panics => None,
        }
    }

    fn servers(&self) -> Option<Arc<Servers>> {
        let names: Vec<_> = self.stores.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| Arc::new(Servers::own(&names)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Kills,
    Power,
    Panics,
    All,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(mode) = cli.mode() else {
        eprintln!("crash: --stores is for kills: give --mode kills, or none");
        return ExitCode::from(64);
    };
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    println!("seed {seed}: give it as --seed to have clients do the same again");
    let mut right = true;
    let plan =
        Plan { servers: cli.servers(), binary: driven(cli.binary), seed, operations_max: OPERATIONS_MAX, talks: true };
    if matches!(mode, Mode::Kills | Mode::All) {
        println!("{} kills of {}", cli.kills, plan.binary.display());
        let findings = Arc::default();
        let began = Instant::now();
        kills::run(&plan, cli.kills, &findings).await;
        right &= tell("kills", &findings, began);
    }
    if matches!(mode, Mode::Power | Mode::All) {
        println!("{} power cuts of {}", cli.cuts, plan.binary.display());
        let findings = Arc::default();
        let began = Instant::now();
        power::run(&plan, cli.cuts, &findings).await;
        right &= tell("power", &findings, began);
    }
    if matches!(mode, Mode::Panics | Mode::All) {
        let plan = Plan { binary: cli.test_build.unwrap_or_else(beside), ..plan };
        if !has_hook(&plan.binary) {
            eprintln!(
                "crash: {} is no test build: build one with `cargo build --workspace --bins`, and name it by --test-build",
                plan.binary.display()
            );
            return ExitCode::from(64);
        }
        println!("{} crashes of actors of {}", cli.restarts, plan.binary.display());
        let findings = Arc::default();
        let began = Instant::now();
        panics::run(&plan, cli.restarts, &findings).await;
        right &= tell("panics", &findings, began);
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn has_hook(binary: &Path) -> bool {
    std::fs::read(binary).is_ok_and(|bytes| bytes.windows(HOOK.len()).any(|window| window == HOOK))
}

fn tell(what: &str, findings: &Findings, began: Instant) -> bool {
    println!("\n{what}, {} s\n{}\n", began.elapsed().as_secs(), Table(findings));
    findings.violations().is_empty()
}
