//! Attacks a node and tells what came of it. `just abuse` builds what it needs and runs it.

use std::{env, process::ExitCode, time::Instant};

use clap::Parser;
use portico_tests::abuse::{ATTACKS, Extent, Ledger};

/// Attacks a node of its own, on the loopback address, in every way that docs/security.md says is defended against.
///
/// Prints each trial as it is judged, then a table of all: what was tried, what was expected, what was seen. Exits with 1
/// if any failed.
#[derive(Parser)]
#[command(after_help = attacks())]
struct Options {
    /// The attacks to run; all of them without a name.
    names: Vec<String>,
    /// Seconds instead of minutes: fewer repeats, and neither times nor memory are judged.
    #[arg(long)]
    short: bool,
}

fn attacks() -> String {
    let lines: Vec<_> = ATTACKS.iter().map(|attack| format!("  {:<10} {}", attack.name, attack.summary)).collect();
    format!("Attacks:\n{}", lines.join("\n"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(unknown) = options.names.iter().find(|name| ATTACKS.iter().all(|attack| attack.name != name.as_str())) {
        eprintln!("abuse: there is no attack called {unknown}\n{}", attacks());
        return ExitCode::from(64);
    }
    if env::var_os("PORTICO_TEST_BINARY").is_none() {
        eprintln!("abuse: PORTICO_TEST_BINARY names no binary to attack: run `./just abuse`, which builds one");
        return ExitCode::from(64);
    }
    let ledger = run(&options).await;
    println!("\n{}", ledger.table());
    if ledger.trials().iter().all(|trial| trial.pass) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(options: &Options) -> Ledger {
    let ledger = Ledger::printing();
    let extent = if options.short { Extent::Short } else { Extent::Full };
    let wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);
    let wanted: Vec<_> = ATTACKS.iter().filter(|attack| wanted(attack.name)).collect();
    for (n, attack) in wanted.iter().enumerate() {
        eprintln!("[{}/{}] {}: {}", n + 1, wanted.len(), attack.name, attack.summary);
        let (begun, own) = (Instant::now(), ledger.of(attack.name));
        let ended = tokio::spawn((attack.run)(extent, own.clone())).await;
        if let Err(error) = ended {
            own.judge("the attack itself", "comes to its end", error, false);
        }
        eprintln!("  {:.0} s", begun.elapsed().as_secs_f64());
    }
    ledger
}
